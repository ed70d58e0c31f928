// The page's own module in Node: sends a file, is aborted after its first piece, and goes on as after a reload.
import fs from 'node:fs'
const given = JSON.parse(process.argv[2])
const { sendResumable, underWay } = await import(given.module)

const kept = new Map()
const storage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) }
const file = new File([fs.readFileSync(given.path)], 'ä.jpg', { type: 'image/jpeg', lastModified: 1 })
const options = { endpoint: given.endpoint, headers: () => ({ Authorization: `Bearer ${given.token}` }), storage, piece: 100_000 }

const leaving = new AbortController()
const starts = []
const progress = (sent) => sent >= 200_000 && leaving.abort(new Error('left'))
await sendResumable(file, { ...options, signal: leaving.signal, progress }).catch((error) => starts.push(String(error)))
starts.push(Boolean(underWay(file, storage)))
const sent = []
const result = await sendResumable(file, { ...options, progress: (at) => sent.push(at) })
console.log(JSON.stringify({ starts, first: sent[0], last: sent.at(-1), left: underWay(file, storage), ...result }))
