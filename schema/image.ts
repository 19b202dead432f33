import * as z from 'zod'

const DOMAIN = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?'
const PATH = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const REFERENCE = new RegExp(`^(?:${DOMAIN}/)?${PATH}(?:/${PATH})*(?::[\\w][\\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`)

/** An image reference by the grammar of the distribution specification: `[registry/]path[:tag][@sha256:…]`. */
export const imageReference = z.string().max(255).regex(REFERENCE, 'an image reference, such as pytorch/pytorch:2.5.1 or name@sha256:…')
