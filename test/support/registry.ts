import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createGzip, gzipSync } from 'node:zlib'
import { extract, pack } from 'tar-stream'

const TYPE = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const
const CHUNK = 64 * 1024

/** What goes wrong, for every request until it is set back. */
export type Faults = {
  /** Answers manifests with this. */
  status?: 401 | 404 | 429
  /** The manifest is another one than its digest says. */
  wrongDigest?: boolean
  /** Bytes of a layer after which its connection breaks, once. */
  cutAfter?: number
  /** Bytes of a layer after which nothing more comes, until `release`. */
  holdAfter?: number
}

const PROBLEMS = {
  401: ['UNAUTHORIZED', 'authentication required'],
  404: ['MANIFEST_UNKNOWN', 'manifest unknown'],
  429: ['TOOMANYREQUESTS', 'slow down'],
} as const

type Blob = { path: string; digest: string; size: number }
type Image = { manifest: string; digest: string }

const digestOf = (bytes: string | Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A registry that can be read from over HTTP on this machine, which engines take without TLS. It serves what a test puts in. */
export class Registry {
  faults: Faults = {}
  /** Layers that are being held now. */
  held = 0
  /** Layers asked for. */
  readonly asked: string[] = []
  readonly #folder: string
  readonly #blobs = new Map<string, Blob>()
  readonly #images = new Map<string, Image>()
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  #release = Promise.withResolvers<void>()

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async start(): Promise<Registry> {
    const registry = new Registry(await mkdtemp(join(tmpdir(), 'registry-')))
    registry.#server.listen(0, '127.0.0.1')
    await once(registry.#server, 'listening')
    return registry
  }

  async stop(): Promise<void> {
    this.release()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    await rm(this.#folder, { recursive: true, force: true })
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Lets every held layer go on. */
  release(): void {
    this.#release.resolve()
    this.#release = Promise.withResolvers()
  }

  /** An image of one file of random bytes: enough to be pulled, nothing that runs. @returns its digest */
  async addSmall(name: string, bytes = 256 * 1024): Promise<string> {
    const tar = pack()
    tar.entry({ name: 'noise' }, randomBytes(bytes))
    tar.finalize()
    const layer = await buffer(tar)
    const config = { architecture: 'amd64', os: 'linux', config: { Cmd: ['/noise'] }, rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } }
    return this.#add(name, JSON.stringify(config), [await this.#put(gzipSync(layer))])
  }

  /** An image of the engine, under blobs no engine has seen: it is pulled whole. @returns its digest */
  async addFrom(name: string, engine: { socket: string; image: string }): Promise<string> {
    const [saved] = (await once(get({ socketPath: engine.socket, path: `/images/${engine.image}/get` }), 'response')) as [IncomingMessage]
    const files = new Map<string, Buffer>()
    const layers = new Map<string, Blob>()
    const untar = extract()
    const reading = pipeline(saved, untar)
    for await (const entry of untar) {
      if (entry.header.name.endsWith('layer.tar')) layers.set(entry.header.name, await this.#putStream(Readable.from(entry)))
      else files.set(entry.header.name, await buffer(entry))
    }
    await reading
    const [{ Config, Layers }] = JSON.parse(String(files.get('manifest.json'))) as [{ Config: string; Layers: string[] }]
    // Another id: an engine that has an image of the same id pulls nothing.
    const config = JSON.stringify({ ...(JSON.parse(String(files.get(Config))) as object), author: randomBytes(8).toString('hex') })
    return this.#add(
      name,
      config,
      Layers.map((l) => layers.get(l)).filter((l) => l !== undefined),
    )
  }

  async #add(name: string, config: string, layers: Blob[]): Promise<string> {
    const { digest, size } = await this.#put(Buffer.from(config))
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: TYPE.manifest,
      config: { mediaType: TYPE.config, digest, size },
      layers: layers.map((l) => ({ mediaType: TYPE.layer, digest: l.digest, size: l.size })),
    })
    const image = { manifest, digest: digestOf(manifest) }
    this.#images.set(name, image)
    this.#images.set(`${name.split(':')[0] ?? ''}:${image.digest}`, image)
    return image.digest
  }

  async #put(bytes: Buffer): Promise<Blob> {
    const blob = { path: join(this.#folder, randomBytes(8).toString('hex')), digest: digestOf(bytes), size: bytes.length }
    await writeFile(blob.path, bytes)
    this.#blobs.set(blob.digest, blob)
    return blob
  }

  /** Two members of gzip: an empty one that makes the digest new, and the layer as it is. */
  async #putStream(layer: Readable): Promise<Blob> {
    const path = join(this.#folder, randomBytes(8).toString('hex'))
    const salt = gzipSync(Buffer.alloc(0))
    salt.writeUInt32LE(randomBytes(4).readUInt32LE(), 4) // its time of change, which nobody reads
    const hash = createHash('sha256').update(salt)
    let size = salt.length
    const file = createWriteStream(path)
    file.write(salt)
    const zipped = createGzip({ level: 0 })
    zipped.on('data', (chunk: Buffer) => {
      hash.update(chunk)
      size += chunk.length
    })
    await pipeline(layer, zipped, file)
    const blob = { path, digest: `sha256:${hash.digest('hex')}`, size }
    this.#blobs.set(blob.digest, blob)
    return blob
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { name = '', kind, reference = '' } = /^\/v2\/(?<name>.+)\/(?<kind>manifests|blobs)\/(?<reference>[^/]+)$/.exec(request.url ?? '')?.groups ?? {}
    if (kind === undefined) return void response.writeHead(request.url === '/v2/' ? 200 : 404, { 'docker-distribution-api-version': 'registry/2.0' }).end('{}')
    if (kind === 'manifests') return this.#manifest(`${name}:${reference}`, response)
    const blob = this.#blobs.get(reference)
    if (!blob) return void response.writeHead(404).end()
    this.asked.push(reference)
    await this.#send(blob, response).catch(() => response.destroy()) // the engine hung up
  }

  #manifest(name: string, response: ServerResponse): void {
    const image = this.#images.get(name)
    const status = this.faults.status ?? (image ? 200 : 404)
    if (status !== 200 || !image) {
      const [code, message] = PROBLEMS[status === 200 ? 404 : status]
      return void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [{ code, message }] }))
    }
    const text = this.faults.wrongDigest ? `${image.manifest} ` : image.manifest
    response.writeHead(200, { 'content-type': TYPE.manifest, 'docker-content-digest': image.digest, 'content-length': Buffer.byteLength(text) }).end(text)
  }

  async #send({ path, size, digest }: Blob, response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size, 'docker-content-digest': digest })
    await pipeline(this.#bytes(path, response), response)
  }

  async *#bytes(path: string, response: ServerResponse): AsyncGenerator<Buffer> {
    let sent = 0
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) {
      const { cutAfter, holdAfter } = this.faults
      if (cutAfter !== undefined && sent >= cutAfter) {
        this.faults = {}
        throw new Error('cut')
      }
      if (holdAfter !== undefined && sent >= holdAfter) await this.#hold(response)
      if (response.destroyed) return
      yield chunk as Buffer
      sent += (chunk as Buffer).length
    }
  }

  async #hold(response: ServerResponse): Promise<void> {
    this.held++
    await Promise.race([this.#release.promise, once(response, 'close')])
    this.held--
  }
}
