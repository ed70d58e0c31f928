// Reads lines of JSON {file, out, width, height, fit, position, attention}, answers with what sharp made of each;
// with `raw` it only decodes, all frames one below the other, into samples of RGBA.
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import sharp from "sharp";

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  if (asked.raw) {
    const picture = sharp(asked.file, { animated: true });
    const { pages, pageHeight, delay, loop } = await picture.metadata();
    const sized = asked.width ? picture.resize({ width: asked.width }) : picture;
    const { data, info } = await sized.toColourspace("srgb").ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    writeFileSync(asked.out, data);
    console.log(JSON.stringify({ width: info.width, height: info.height, pages, pageHeight, delay, loop }));
    continue;
  }
  const crops = asked.fit === "cover";
  const position =
    asked.position !== "attention" ? asked.position : crops ? sharp.strategy.attention : "center";
  const options = {
    width: asked.width ?? undefined,
    height: asked.height ?? undefined,
    fit: asked.fit,
    position,
    withoutEnlargement: !asked.enlarge,
    background: asked.background,
  };
  const info = await sharp(asked.file).rotate().resize(options).png().toFile(asked.out);
  const { width, height, attentionX, attentionY, cropOffsetLeft, cropOffsetTop } = info;
  console.log(JSON.stringify({ width, height, attentionX, attentionY, cropOffsetLeft, cropOffsetTop }));
}
