import t from 'tap'
import { BoardState } from '../page/src/board-state.ts'
import { colourOf } from '../page/src/colour.ts'
import { inWords, schemaAt } from '../page/src/config-schema.ts'
import { densityOf, headNames } from '../page/src/density.ts'
import { changesOf } from '../page/src/json-changes.ts'
import { placeOf, readJson } from '../page/src/json-text.ts'
import { mainHostname } from '../page/src/main-hostname.ts'
import { RowColours } from '../page/src/row-colours.ts'
import { siteUrl } from '../page/src/site-url.ts'
import type { BoardTenant, Cell, Restart } from '../src/api.ts'

t.test('colours of stamps', async (t) => {
  t.test('equal stamps look alike, and most others do not', async (t) => {
    const stamps = Array.from({ length: 1000 }, (_, at) => `stamp${at}`)
    t.same(colourOf('stamp1'), colourOf('stamp1'))
    const looks = stamps.map((stamp) => JSON.stringify(colourOf(stamp)))
    t.equal(new Set(looks).size, 48, 'every colour is used')
  })

  t.test('of one tenant, no generation looks nearly like the one before', async (t) => {
    const colours = new RowColours()
    const hues = Array.from({ length: 1000 }, (_, at) => colours.of('acme', `stamp${at}`).hue)
    const nearest = Math.min(...hues.slice(1).map((hue, at) => apart(hue, hues[at] as number)))
    t.ok(nearest >= 35, `the nearest two are ${nearest}° apart`)
    t.same(colours.of('acme', 'stamp999'), colours.of('acme', 'stamp999'))
    t.same(colours.of('globex', 'stamp999'), colourOf('stamp999'), 'each tenant has a history of its own')
  })
})

t.test('the board', async (t) => {
  t.test('a reset replaces everything', async (t) => {
    const board = filled()
    board.apply({ reset: true, tenants: { set: [tenant('new')], gone: [] }, total: 1 }, 1)
    t.same(
      board.tenants.value.map(({ id }) => id),
      ['new'],
    )
    t.same(board.replicas.value, [])
    t.same(board.restarts.value, [])
    t.equal(board.cell('a', 'r1'), undefined)
    t.same([board.behind.value, board.failed.value], [0, 0])
  })

  t.test('what a change does not name stays as it is', async (t) => {
    const board = filled()
    board.apply({ cells: { r1: { set: { a: cell('behind') }, gone: [] } } }, 5)
    t.equal(board.cell('a', 'r1')?.cell.state, 'behind')
    t.equal(board.cell('b', 'r1')?.cell.state, 'failed')
    t.equal(board.cell('a', 'r2')?.cell.state, 'current')
    t.same([board.behind.value, board.failed.value], [1, 1])
  })

  t.test('what has failed, and what is not loaded, is counted by the cells', async (t) => {
    const board = filled()
    t.same([...board.failures.value], [['r1', 1]])
    t.equal(board.notLoaded.value, 3)
    const before = board.failures.value
    board.apply({ cells: { r1: { set: { a: cell('behind') }, gone: [] } } }, 5)
    t.equal(board.failures.value, before, 'a new count only when one has changed')
    board.apply({ cells: { r1: { set: {}, gone: ['b'] } } }, 6)
    t.same([...board.failures.value], [])
    t.equal(board.notLoaded.value, 4)
    board.apply({ cells: { r2: { set: { b: cell('failed') }, gone: [] } } }, 7)
    board.apply({ replicas: { set: [], gone: ['r2'] } }, 8)
    t.same([...board.failures.value], [])
    t.equal(board.notLoaded.value, 3)
  })

  t.test('a cell has changed when its stamp or its state has, and not by the first event', async (t) => {
    const board = filled()
    t.equal(board.cell('a', 'r1')?.changedAt, 0)
    board.apply({ cells: { r1: { set: { a: { ...cell('current'), reason: 'told again' } }, gone: [] } } }, 5)
    t.equal(board.cell('a', 'r1')?.changedAt, 0)
    board.apply({ cells: { r1: { set: { a: cell('current', 'other') }, gone: [] } } }, 6)
    t.equal(board.cell('a', 'r1')?.changedAt, 6)
    board.apply({ cells: { r1: { set: { a: cell('behind', 'other') }, gone: [] } } }, 7)
    t.equal(board.cell('a', 'r1')?.changedAt, 7)
  })

  t.test('what is gone is gone, with its cells', async (t) => {
    const board = filled()
    board.apply({ cells: { r1: { set: {}, gone: ['b', 'unknown'] } } }, 1)
    t.equal(board.cell('b', 'r1'), undefined)
    t.equal(board.failed.value, 0)
    board.apply({ replicas: { set: [], gone: ['r1'] } }, 2)
    t.equal(board.cell('a', 'r1'), undefined)
    t.same(
      board.replicas.value.map(({ replica }) => replica),
      ['r2', 'r10'],
    )
    board.apply({ tenants: { set: [], gone: ['a'] } }, 3)
    t.same(
      board.tenants.value.map(({ id }) => id),
      ['b'],
    )
  })

  t.test('the list of tenants is a new one only when it reads differently', async (t) => {
    const board = filled()
    const before = board.tenants.value
    board.apply({ tenants: { set: [{ ...tenant('a'), version: 2, written: false }], gone: [] } }, 1)
    t.equal(board.tenants.value, before)
    t.equal(board.tenant('a')?.version, 2)
    board.apply({ tenants: { set: [{ ...tenant('a'), name: 'Other' }], gone: [] } }, 2)
    t.not(board.tenants.value, before)
  })

  t.test('restarts come newest first, and are written in their place', async (t) => {
    const board = filled()
    board.apply({ restarts: [restart('9'), restart('10')] }, 1)
    board.apply({ restarts: [restart('9', '2026-01-01T00:00:00Z')] }, 2)
    t.same(
      board.restarts.value.map(({ id, writtenAt }) => [id, writtenAt !== null]),
      [
        ['10', false],
        ['9', true],
        ['1', false],
      ],
    )
  })
})

t.test('JSON as it is typed', async (t) => {
  t.test('what JSON.parse takes is taken, and says where everything is', async (t) => {
    const text = '{\n  "a": [1, {"b/c": "x\\u00e9\\n"}],\n  "d": -1.5e3\n}'
    const reading = readJson(text)
    if ('problem' in reading) throw new Error(reading.problem.message)
    t.same(reading.value, JSON.parse(text))
    t.same(placeOf(text, reading.offsets.get('/a/1/b~1c') ?? 0), { line: 2, column: 13 })
    t.same(placeOf(text, reading.offsets.get('/d') ?? 0), { line: 3, column: 3 })
  })

  const mistakes: readonly (readonly [text: string, line: number, column: number, message: RegExp])[] = [
    ['{\n  "a": 1,\n}', 3, 1, /a comma too many/],
    ['{"a" 1}', 1, 6, /expected a colon/],
    ['{"a": 1 "b": 2}', 1, 9, /expected a comma or }/],
    ['{"a": blue}', 1, 7, /expected a value/],
    ['{"a": "x\n"}', 1, 7, /the string has no closing quote/],
    ['{"a": "\\x"}', 1, 8, /escape/],
    ['{"a": 01}', 1, 7, /expected a value/],
    ['{"a": 1, "a": 2}', 1, 10, /the name "a" is there already/],
    ["{'a': 1}", 1, 2, /a name in double quotes/],
    ['[1, 2', 1, 6, /expected a comma or ]/],
    ['{} x', 1, 4, /expected the end/],
    ['', 1, 1, /got the end/],
    [`${'['.repeat(100_000)}`, 1, 202, /nested too deeply/],
  ]
  for (const [text, line, column, message] of mistakes) {
    t.test(`${JSON.stringify(text.slice(0, 30))} is wrong where it is wrong`, async (t) => {
      const reading = readJson(text)
      if (!('problem' in reading)) throw new Error('no problem was found')
      t.match(reading.problem.message, message)
      t.same(placeOf(text, reading.problem.offset), { line, column })
    })
  }
})

t.test('changes between two configurations are named by their paths', async (t) => {
  t.same(changesOf({ a: 1, b: { c: [1, 2] } }, { a: 1, b: { c: [1, 2] } }), [])
  t.same(changesOf({ a: { b: 1 }, gone: true }, { a: { b: 2 }, 'x/y': null }), [
    { path: '/a/b', from: 1, to: 2 },
    { path: '/gone', from: true, to: undefined },
    { path: '/x~1y', from: undefined, to: null },
  ])
  t.same(changesOf({ a: {} }, { a: [] }), [{ path: '/a', from: {}, to: [] }])
})

t.test('the columns of the replicas are as wide as the room that is there', async (t) => {
  t.same(
    [0, 1, 5, 6, 9, 20].map((replicas) => densityOf(57, replicas)),
    ['none', 'wide', 'wide', 'medium', 'narrow', 'narrow'],
  )
  t.equal(densityOf(22, 3), 'narrow')
})

t.test('a name that is too long for its column is told by what differs', async (t) => {
  t.same(headNames(['replica-1', 'replica-13'], 'wide'), ['replica-1', 'replica-13'])
  t.same(headNames(['replica-1', 'replica-13'], 'medium'), ['…1', '…13'])
  t.same(headNames(['app-7f9c-abcde', 'app-7f9c-abxyz'], 'wide'), ['…abcde', '…abxyz'])
  t.same(headNames(['worker1', 'worker12'], 'medium'), ['…1', '…12'])
  t.same(headNames(['eu-west-server', 'us-east-server'], 'wide'), ['eu-west-server', 'us-east-server'])
  t.same(headNames(['the-only-one-there-is'], 'narrow'), ['the-only-one-there-is'])
})

t.test('the host name that stands for a tenant is the shortest', async (t) => {
  t.equal(mainHostname(['a.long.example', 'c.example', 'b.example']), 'b.example')
  t.equal(mainHostname([]), undefined)
})

t.test('a problem is told in the words of the schema, where it has any', async (t) => {
  const pattern = '^#[0-9a-f]{6}$'
  const schema = {
    properties: {
      'a/b': { properties: { colour: { pattern, description: 'A colour, #rrggbb.' } } },
      list: { items: { properties: { plain: { pattern } } } },
    },
  }
  const message = `expected text that matches ${pattern}, got "blue"`
  const told = (pointer: string) => inWords(message, schemaAt(schema, pointer))
  t.equal(told('/a~1b/colour'), 'expected “A colour, #rrggbb”, got "blue"')
  for (const pointer of ['/list/0/plain', '/nowhere/at/all', '/__proto__/x', ''])
    t.equal(told(pointer), message)
  t.equal(inWords('expected a string, got 1', schemaAt(schema, '/a~1b/colour')), 'expected a string, got 1')
})

t.test('only a host name becomes an address', async (t) => {
  const demo = { replicas: [{ name: 'r1', port: 3001 }], traffic: false, served: 0, failed: 0 }
  const plain = { demo: undefined, siteUrl: undefined }
  t.equal(siteUrl('acme.localhost', { ...plain, demo }), 'http://acme.localhost:3001/')
  t.equal(siteUrl('acme.localhost', plain), 'http://acme.localhost/')
  t.equal(siteUrl('acme.example.com', plain), 'https://acme.example.com/')
  const behind = { demo, siteUrl: 'http://{hostname}:8080/?from={hostname}' }
  t.equal(siteUrl('acme.localhost', behind), 'http://acme.localhost:8080/?from=acme.localhost')
  for (const wrong of [
    'javascript:alert(1)//',
    'a.example@evil.example',
    'a.example/path',
    'a b',
    '',
    'ACME.example',
  ])
    for (const sites of [plain, behind]) t.equal(siteUrl(wrong, sites), undefined, wrong)
})

function apart(hue: number, other: number): number {
  return Math.min(Math.abs(hue - other), 360 - Math.abs(hue - other))
}

function filled(): BoardState {
  const board = new BoardState()
  board.apply(
    {
      reset: true,
      total: 2,
      tenants: { set: [tenant('b'), tenant('a')], gone: [] },
      replicas: { set: ['r10', 'r2', 'r1'].map(replica), gone: [] },
      cells: {
        r1: { set: { a: cell('current'), b: cell('failed') }, gone: [] },
        r2: { set: { a: cell('current') }, gone: [] },
      },
      restarts: [restart('1')],
    },
    1,
  )
  return board
}

function tenant(id: string): BoardTenant {
  return { id, name: id.toUpperCase(), hostnames: [`${id}.example`], version: 1, restart: '1', written: true }
}

function replica(name: string) {
  return { replica: name, startedAt: '2026-01-01T00:00:00Z', tenants: 1, failed: 0 }
}

function cell(state: Cell['state'], stamp = 'stamp'): Cell {
  return { state, stamp, at: '2026-01-01T00:00:00Z' }
}

function restart(id: string, writtenAt: string | null = null): Restart {
  const requestedAt = '2026-01-01T00:00:00Z'
  return {
    id,
    key: 'tenant:a',
    tenant: 'a',
    cause: 'restart',
    by: 'test',
    reason: null,
    requestedAt,
    writtenAt,
  }
}
