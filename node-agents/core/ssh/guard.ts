import type { Socket } from 'node:net'
import { ShellError } from '../ports.ts'
import type { Reached } from './fault.ts'

/** Bytes until somebody is logged in; an honest server says some 3 KB. The library reads a banner from its beginning with every piece of it. */
const MOST_BEFORE = 32 * 1024
/** Bytes of one connection, all of SSH included; a session reads at most 64 MB of output. */
const MOST_READ = 128 * 1024 * 1024
/** Bytes that a host does not take: most are answers that it has us make. An upload has a quarter of it on its way. */
const MOST_UNSENT = 1024 * 1024
/** Bytes of output that nobody has read: twice what an honest host may send unasked (SSH's window, on each of two streams). */
const MOST_UNREAD = 8 * 1024 * 1024

/** Bytes of a connection that carry nothing: packets to be ignored, and what stands around each byte where every one has a packet of its own. */
const MOST_AROUND = 1024 * 1024
/** Beyond those, so many bytes may come for each byte of output. A line of 40 bytes in a packet of its own takes two. */
const AROUND = 4

/** Bytes of output: `unread` wait for their reader, `taken` have one. */
export type Output = { unread: () => number; taken: () => number }

/**
 * The bounds that SSH leaves to the honesty of the other side: it may ignore the window, ask without end and never read, or
 * talk for ever.
 */
export function guard(socket: Socket, at: Reached, { unread, taken }: Output, fail: (error: ShellError) => void): void {
  const broke = (how: string) => fail(new ShellError('broken', `the host ${how}`))
  socket.on('data', () => {
    const most = at.ready ? MOST_READ : MOST_BEFORE
    if (socket.bytesRead > most) broke(`sent more than ${most} bytes`)
    else if (socket.writableLength > MOST_UNSENT) broke('asks on and on, and reads no answer')
    else if (unread() > MOST_UNREAD) broke('sends more than it is allowed to')
    else if (socket.bytesRead > MOST_AROUND + AROUND * (taken() + unread())) broke('sends a lot that says nothing')
  })
}
