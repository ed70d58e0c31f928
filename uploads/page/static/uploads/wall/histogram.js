/** How many of the pictures seen so far have which hue, drawn above the slider. */

export class Histogram {
  constructor(canvas) {
    this.canvas = canvas;
    this.counts = new Float32Array(360);
    this.seen = new Set();
    this.frame = 0;
  }

  add(images) {
    for (const image of images) {
      if (this.seen.has(image.id)) continue;
      this.seen.add(image.id);
      for (const { hue, share } of image.colors) if (hue !== null) this.counts[hue] += share;
    }
    if (!this.frame) this.frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.frame = 0;
    const { width, height } = this.canvas;
    const brush = this.canvas.getContext("2d");
    brush.clearRect(0, 0, width, height);
    const smooth = this.counts.map((_, hue) => this.#around(hue));
    const most = Math.max(...smooth);
    if (!most) return;
    for (let hue = 0; hue < 360; hue += 1) {
      const high = Math.sqrt(smooth[hue] / most) * height;
      brush.fillStyle = `hsl(${hue} 85% 52%)`;
      brush.fillRect(hue, height - high, 1.2, high);
    }
  }

  /** Three degrees to each side count as well, the less the further. */
  #around(hue) {
    let sum = 0;
    for (let step = -3; step <= 3; step += 1) sum += this.counts[(hue + step + 360) % 360] * (4 - Math.abs(step));
    return sum;
  }
}
