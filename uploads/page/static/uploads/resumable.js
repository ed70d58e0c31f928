// A file in pieces that go on after a lost connection or a reload (tus 1.0.0, tus.io/protocols/resumable-upload).

const VERSION = { 'Tus-Resumable': '1.0.0' }
const TYPE = 'application/offset+octet-stream'
export const LARGE = 8 * 1024 * 1024 // from here on the page sends a file this way
const PIECE = 8 * 1024 * 1024
const PAUSES = [0, 1000, 3000, 5000, 10000, 20000] // ms; begun anew after each piece that arrived

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || `The server answered ${status}.`)
    this.status = status
    this.code = problem.code || 'unknown'
  }
}

// The same file again after a reload: by name, size and time.
export const fingerprint = (file) => `resumable:${file.name}:${file.size}:${file.lastModified || 0}`

const encoded = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)))

const metadata = (values) =>
  Object.entries(values)
    .filter(([, value]) => value)
    .map(([key, value]) => `${key} ${encoded(value)}`)
    .join(',')

async function refused(answer) {
  const problem = await answer.json().catch(() => ({}))
  return new Refusal(answer.status, problem)
}

// Whether the next try may do better: nobody answered, another request still writes, the service is busy.
const passes = (error) => !(error instanceof Refusal) || [409, 423, 429].includes(error.status) || error.status >= 500

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason)), { once: true })
  })

class Sender {
  constructor(file, { endpoint = '/api/uploads', headers = {}, storage = globalThis.localStorage, ...options } = {}) {
    Object.assign(this, { file, endpoint, headers, storage, options, url: null, offset: 0 })
  }

  async ask(method, url, headers = {}, body = undefined) {
    const { signal } = this.options
    const answer = await fetch(url, { method, body, signal, headers: { ...VERSION, ...this.headers, ...headers } })
    if (!answer.ok) throw await refused(answer)
    return answer
  }

  // Where the upload stands: that of an earlier visit, or a new one.
  async find() {
    this.url ||= this.storage?.getItem(fingerprint(this.file))
    if (this.url) {
      try {
        const answer = await this.ask('HEAD', this.url)
        this.offset = Number(answer.headers.get('Upload-Offset'))
        return answer
      } catch (error) {
        if (!(error instanceof Refusal) || ![403, 404, 410, 422].includes(error.status)) throw error
        this.forget()
      }
    }
    const { name, size, type } = this.file
    const said = metadata({ filename: name, filetype: type, ...this.options.metadata })
    const answer = await this.ask('POST', this.endpoint, { 'Upload-Length': String(size), 'Upload-Metadata': said })
    this.url = new URL(answer.headers.get('Location'), new URL(this.endpoint, globalThis.location?.href)).href
    this.storage?.setItem(fingerprint(this.file), this.url)
    this.offset = 0
    return answer
  }

  forget() {
    this.storage?.removeItem(fingerprint(this.file))
    this.url = null
  }

  async piece() {
    const body = this.file.slice(this.offset, this.offset + (this.options.piece || PIECE))
    const headers = { 'Content-Type': TYPE, 'Upload-Offset': String(this.offset) }
    const answer = await this.ask('PATCH', this.url, headers, body)
    this.offset = Number(answer.headers.get('Upload-Offset'))
    return answer
  }

  async send() {
    for (let tries = 0; ; tries += 1) {
      try {
        let answer = await this.find()
        while (this.offset < this.file.size) {
          this.options.onProgress?.(this.offset, this.file.size)
          answer = await this.piece()
          tries = 0
        }
        this.options.onProgress?.(this.offset, this.file.size)
        this.forget()
        const job = answer.headers.get('Content-Location')
        return { job: job?.split('/').pop(), image: answer.headers.get('X-Image-Id') }
      } catch (error) {
        if (this.options.signal?.aborted || !passes(error) || tries >= PAUSES.length) {
          if (error instanceof Refusal && !passes(error)) this.forget()
          throw error
        }
        await pause(PAUSES[tries], this.options.signal)
      }
    }
  }
}

// Sends `file`; resolves to `{job, image}`, rejects with a Refusal or what `signal` was aborted with.
// Options: endpoint, headers (credentials), metadata ({batch, webhook_url}), onProgress(sent, size), signal, piece.
export const sendResumable = (file, options) => new Sender(file, options).send()

// The address of what is under way for this file from an earlier visit; null where there is nothing.
export const underWay = (file, storage = globalThis.localStorage) => storage?.getItem(fingerprint(file)) ?? null
