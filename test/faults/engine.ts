export type OwnEngine = {
  socket: string
  image: string
  kill(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
  starts(id: string): Promise<number>
  strays(kept: number): Promise<string[]>
}
