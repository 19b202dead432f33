import type { Field } from '../scale/text.ts'
import type { Shape, Types } from '../scale/types.ts'
import type { Value } from '../types.ts'

/** The numbered type table metadata carries: types get their number when they are first named. */
export class PortableTypes {
  readonly #types: Types
  readonly #ids = new Map<string, number>()
  /** In `Value` form of layout.ts' PortableType. */
  readonly table: Value[] = []

  constructor(types: Types) {
    this.#types = types
  }

  id(name: string): number {
    const had = this.#ids.get(name)
    if (had !== undefined) return had
    const id = this.table.length
    this.#ids.set(name, id)
    this.table.push(null) // its place, before its parts: types may be recursive
    const { shape, path, params } = this.#types.get(name)
    const given = params.map((p) => ({ name: p.name, type: p.type === null ? null : this.id(p.type) }))
    this.table[id] = { id, path, params: given, def: this.#def(shape) }
    return id
  }

  #def(shape: Shape): Value {
    switch (shape.kind) {
      case 'primitive':
        return { Primitive: shape.name }
      case 'struct':
        return { Composite: shape.fields.map((field) => this.#field(field)) }
      case 'enum':
        return { Variant: shape.variants.map(({ name, index, fields }) => ({ name, index, fields: fields.map((field) => this.#field(field)) })) }
      case 'sequence':
        return { Sequence: this.id(shape.of) }
      case 'array':
        return { Array: [shape.length, this.id(shape.of)] }
      case 'tuple':
        return { Tuple: shape.of.map((of) => this.id(of)) }
      case 'compact':
        return { Compact: this.id(shape.of) }
    }
  }

  #field({ name, type }: Field): Value {
    return { name, type: this.id(type), type_name: type }
  }
}
