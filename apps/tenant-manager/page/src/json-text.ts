export type JsonReading =
  | { readonly value: unknown; readonly offsets: ReadonlyMap<string, number> }
  | { readonly problem: TextProblem }

interface TextProblem {
  readonly offset: number
  readonly message: string
}

/** Deeper than any configuration may be, and far from what the stack holds. */
const MAX_DEPTH = 200

const ESCAPE = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y
const WORD = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y

/**
 * Reads JSON, and tells where everything in it is: by JSON pointer, the offset at which its name, or its value,
 * begins. `JSON.parse` alone tells where a mistake is in words that differ by browser, or not at all.
 */
export function readJson(text: string): JsonReading {
  const offsets = new Map<string, number>()
  let at = 0

  try {
    skipSpace()
    readValue('', 0)
    skipSpace()
    if (at < text.length) fail('expected the end of the text')
    return { value: JSON.parse(text), offsets }
  } catch (error) {
    if (error instanceof JsonProblem) return { problem: { offset: error.offset, message: error.message } }
    return { problem: { offset: 0, message: (error as Error).message } }
  }

  function readValue(pointer: string, depth: number): void {
    if (depth > MAX_DEPTH) fail('this is nested too deeply')
    if (!offsets.has(pointer)) offsets.set(pointer, at)
    const character = text[at]
    if (character === '{') readObject(pointer, depth)
    else if (character === '[') readArray(pointer, depth)
    else if (character === '"') readString('the string')
    else if (!readWord(WORD))
      fail(character === undefined ? 'expected a value, got the end' : 'expected a value')
  }

  function readObject(pointer: string, depth: number): void {
    const names = new Set<string>()
    if (opensEmpty('}')) return
    do {
      skipSpace()
      const start = at
      if (text[at] !== '"')
        fail(text[at] === '}' ? 'a comma too many before }' : 'expected a name in double quotes')
      const name = readString('the name')
      if (names.has(name)) fail(`the name ${JSON.stringify(name)} is there already`, start)
      names.add(name)
      const inner = `${pointer}/${escapePointer(name)}`
      offsets.set(inner, start)
      skipSpace()
      if (text[at] !== ':') fail('expected a colon after the name')
      at++
      skipSpace()
      readValue(inner, depth + 1)
    } while (goesOn('}'))
  }

  function readArray(pointer: string, depth: number): void {
    if (opensEmpty(']')) return
    let index = 0
    do {
      skipSpace()
      if (text[at] === ']') fail('a comma too many before ]')
      readValue(`${pointer}/${index++}`, depth + 1)
    } while (goesOn(']'))
  }

  function opensEmpty(end: string): boolean {
    at++
    skipSpace()
    if (text[at] !== end) return false
    at++
    return true
  }

  function goesOn(end: string): boolean {
    skipSpace()
    const character = text[at]
    if (character !== ',' && character !== end) fail(`expected a comma or ${end}`)
    at++
    return character === ','
  }

  function readString(what: string): string {
    const start = at
    at++
    while (text[at] !== '"') {
      const character = text[at]
      if (character === undefined || character < ' ') fail(`${what} has no closing quote`, start)
      if (character !== '\\') at++
      else if (!readWord(ESCAPE)) fail('this escape is none of JSON')
    }
    at++
    return JSON.parse(text.slice(start, at)) as string
  }

  function readWord(word: RegExp): boolean {
    word.lastIndex = at
    const found = word.exec(text)?.[0]
    at += found?.length ?? 0
    return found !== undefined
  }

  function skipSpace(): void {
    while (text[at] === ' ' || text[at] === '\n' || text[at] === '\t' || text[at] === '\r') at++
  }

  function fail(message: string, offset = at): never {
    throw new JsonProblem(message, offset)
  }
}

/** The line and the column of an offset, as people count them. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return { line, column: offset - before.lastIndexOf('\n') }
}

export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

class JsonProblem extends Error {
  readonly offset: number

  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}
