/**
 * How a runtime is declared: plain text, in the order and with the names of the live metadata. Lists are split on newlines or "; ".
 *
 *  TYPES     Name = rust::path<Param=Type> {field Type, a/b Type}      struct (a/b: two fields of one type)
 *            Name = rust::path (Type, Type)                            tuple struct
 *            Name = rust::path One 0: Type | Two 3: name Type | Last 4 enum with its indices
 *            Inline, without spaces: bool str u8…u128 i8…i128 Vec<T> BoundedVec<T> Compact<T> Option<T> [T;32] (A,B) () and every Name.
 *            AccountId, H256, Address and the rest of the frame are declared in runtime/frame.ts.
 *  STORAGE   Item: <hasher> <key type>, … => <value type>[?] [= <default as JSON>]
 *            Hashers: I Identity, B Blake2_128Concat, T Twox64Concat. "?" = optional without a default; else the default is zero unless given.
 *  CALLS     name <index>[: arg Type, a/b Type, …]
 *  EVENTS    Name <index>[: Type, … or field Type, …]
 *  ERRORS    Name <index>
 *  CONSTANTS Name Type = <value as JSON>
 *  APIS      method: arg Type, … => Type
 *
 * Values (`Value` of ../types.ts): u8…u32 and i8…i32 are numbers, wider integers bigint (both taken when encoding, in JSON defaults also
 * decimal text), Compact<T> as T, bytes (Vec<u8>, [u8;n], BoundedVec<u8>) and so accounts and hashes are 0x-hex, str is text, struct is an
 * object (a field left out is zero), tuple an array, a struct of one unnamed field is that field. Enum: the name where it carries nothing,
 * else { Name: … }. Option: null or the value; Option<Option<T>>: null or { Some: inner }.
 */
export type Field = { name: string | null; type: string }
export type Variant = { name: string; index: number; fields: Field[] }
export type ItemText = { name: string; hashers: Hasher[]; keys: string[]; value: string; optional: boolean; fallback: unknown }
export type MethodText = { name: string; inputs: Field[]; output: string }

const HASHERS = { I: 'Identity', B: 'Blake2_128Concat', T: 'Twox64Concat' } as const
export type Hasher = (typeof HASHERS)[keyof typeof HASHERS]

/** The entries of a list. */
export function lines(text: string): string[] {
  return text
    .split(/\n|; /)
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** "a/b u8, Vec<u8>" → named or unnamed fields. */
export function parseFields(text: string): Field[] {
  const parts = text.trim() === '' ? [] : text.trim().split(', ')
  return parts.flatMap((part): Field[] => {
    const [first, type, ...rest] = part.trim().split(' ')
    if (first === undefined || rest.length > 0) throw new Error(`not a field: "${part}"`)
    return type === undefined ? [{ name: null, type: first }] : first.split('/').map((name) => ({ name, type }))
  })
}

/** "Name 3: a u8" → a variant of an enum; calls, events and errors are the same. */
export function parseVariant(text: string): Variant {
  const [, name, index, fields] = match(/^(\w+) (\d+)(?:: (.*))?$/, text)
  return { name: name ?? '', index: Number(index), fields: parseFields(fields ?? '') }
}

/** "Uids: I u16, B AccountId => u16?" */
export function parseItem(text: string): ItemText {
  const [, name, keyText, value, optional, fallback] = match(/^(\w+): (.*?) ?=> (\S+?)(\?)?(?: = (.*))?$/, text)
  const keys = (keyText ?? '') === '' ? [] : (keyText ?? '').split(', ').map((key) => match(/^([IBT]) (\S+)$/, key))
  return {
    name: name ?? '',
    hashers: keys.map(([, hasher]) => HASHERS[hasher as keyof typeof HASHERS]),
    keys: keys.map(([, , type]) => type ?? ''),
    value: value ?? '',
    optional: optional !== undefined,
    fallback: fallback === undefined ? undefined : JSON.parse(fallback),
  }
}

/** "Tempo u16 = 360" */
export function parseConstant(text: string): { name: string; type: string; value: unknown } {
  const [, name, type, value] = match(/^(\w+) (\S+) = (.*)$/, text)
  return { name: name ?? '', type: type ?? '', value: JSON.parse(value ?? '') }
}

/** "account_nonce: account AccountId => u32" */
export function parseMethod(text: string): MethodText {
  const [, name, inputs, output] = match(/^(\w+): (.*?) ?=> (\S+)$/, text)
  return { name: name ?? '', inputs: parseFields(inputs ?? ''), output: output ?? '' }
}

/** The parts between commas that stand in no brackets. */
export function splitTop(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (const [i, c] of [...text].entries()) {
    if ('<([{'.includes(c)) depth++
    else if ('>)]}'.includes(c)) depth--
    else if (c === ',' && depth === 0) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  return text === '' ? [] : [...parts, text.slice(start)]
}

function match(pattern: RegExp, text: string): RegExpExecArray {
  const found = pattern.exec(text.trim())
  if (!found) throw new Error(`not a declaration: "${text}"`)
  return found
}
