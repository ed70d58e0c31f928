// A file by tus-js-client as a program in Node would send it: node tus_node.mjs '{"endpoint", "token", "path", ...options}'.
import fs from 'node:fs'
import { createRequire } from 'node:module'

const given = JSON.parse(process.argv[2])
const tus = createRequire(`${given.modules}/`)('tus-js-client')
const upload = new tus.Upload(fs.createReadStream(given.path), {
  endpoint: given.endpoint,
  headers: { Authorization: `Bearer ${given.token}` },
  uploadSize: fs.statSync(given.path).size,
  retryDelays: Array(200).fill(250),
  ...given.options,
  onError(error) {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess(payload) {
    const answer = payload?.lastResponse
    const image = answer?.getHeader('X-Image-Id')
    console.log(JSON.stringify({ url: upload.url, image, job: answer?.getHeader('Content-Location') }))
  },
})
upload.start()
