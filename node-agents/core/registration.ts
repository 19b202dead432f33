import * as z from 'zod'

export type Registration = { url: string; /** RFC 7638 thumbprint of the edge's key, base64url. */ pin: string }

function loopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.[0-9]{1,3}){3}$/.test(host)
}

const REGISTRATION = 'the registration string your edge gave you, "https://edge.example#fingerprint"'

/** Parses the registration string: where the edge is, and which key it must show. */
export const registrationString = z.string({ error: `give ${REGISTRATION}` }).transform((text, ctx): Registration => {
  const refuse = (message: string) => {
    ctx.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  const url = URL.parse(text.trim())
  if (!url || !/^https?:$/.test(url.protocol)) return refuse(`give ${REGISTRATION}`)
  if (url.protocol === 'http:' && !loopback(url.hostname)) return refuse('plain http is only for an edge on this machine: use https')
  if (url.pathname !== '/' || url.search || url.username || url.password) return refuse('only scheme, host and port may stand before the "#"')
  const pin = url.hash.slice(1)
  if (!/^[A-Za-z0-9_-]{43}$/.test(pin)) return refuse(`the part after "#" must be the 43 characters of the edge key's fingerprint: give ${REGISTRATION}`)
  return { url: url.origin, pin }
})
