import { HOSTNAMES, IDS, STRANGE_HOSTNAMES, STRANGERS } from './cast.ts'
import { type Change, drawChange } from './change.ts'
import type { Replica } from './replica.ts'
import type { Question } from './request.ts'
import type { World } from './world.ts'

/** Headers that name no host, or more than one. */
const REFUSED: readonly (readonly string[])[] = [
  ['h1.example,h2.example'],
  ['h1..example'],
  ['me@h1.example'],
  ['h1.example:0'],
  ['127.0.0.1'],
  ['h1.example', 'h2.example'],
]

/** Other spellings of a host name. */
const SPELLINGS: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => name.toUpperCase(),
  (name) => `${name}.`,
  (name) => `${name}:8080`,
]

/** Begins one thing, by chance. */
export function act(world: World): void {
  const { random, temper } = world
  const { hasOutages, forgets, frailty } = temper
  random.weigh<(world: World) => void>([
    [60, request],
    [18, change],
    [hasOutages ? 4 : 0, disturbStore],
    [hasOutages ? 4 : 0, pauseOrResume],
    [hasOutages || frailty > 0 ? 5 : 0, disturbAuthority],
    [forgets ? 4 : 0, forget],
    [world.isFailingOver ? 3 : 0, failOver],
    [world.crash === undefined ? 0 : 10, () => world.crash?.()],
  ])(world)
}

/** One request, or several that come in the same turn. */
function request(world: World): void {
  const { random } = world
  const running = world.replicas.filter(({ isRunning }) => isRunning)
  if (running.length === 0) return
  const replica = random.pick(running)
  const count = random.pick([1, 1, 1, 2, 4])
  for (let index = 0; index < count; index += 1) replica.serve(question(world))
}

function question(world: World): Question {
  const { random, temper, latestChange } = world
  if (latestChange !== undefined && random.chance(temper.curiosity)) return questionOf(world, latestChange)
  return random.weigh<() => Question>([
    [10, () => ({ kind: 'tenant', id: random.pick(IDS) })],
    [8, () => byHost(world, random.pick(HOSTNAMES))],
    [1, () => ({ kind: 'tenant', id: random.pick(STRANGERS) })],
    [2, () => byHost(world, random.pick(STRANGE_HOSTNAMES))],
    [0.5, () => ({ kind: 'host', headers: random.pick(REFUSED), hostname: undefined })],
  ])()
}

/** What somebody wants to know who has just heard of a change. */
function questionOf(world: World, change: Change): Question {
  const { random } = world
  if (change.kind === 'restart all') return { kind: 'tenant', id: random.pick(IDS) }
  if ('ids' in change) return { kind: 'tenant', id: random.pick(change.ids) }
  const hostname = 'hostname' in change ? change.hostname : undefined
  return hostname !== undefined && random.chance(0.7)
    ? byHost(world, hostname)
    : { kind: 'tenant', id: change.id }
}

function byHost({ random }: World, hostname: string): Question {
  return { kind: 'host', headers: [random.pick(SPELLINGS)(hostname)], hostname }
}

function change(world: World): void {
  const { random, temper } = world
  const running = world.managers.filter(({ isRunning }) => isRunning)
  if (running.length === 0) return
  const wanted = world.replicas.flatMap(({ loader }) => Array.from(loader.live, ({ of }) => of))
  const likely = random.chance(temper.malice) ? wanted : []
  const change = drawChange(random, world.records, { likely, upheaval: temper.upheaval })
  world.latestChange = change
  random.pick(running).change(change)
}

function disturbStore(world: World): void {
  const { random, replicas, managers, schedule } = world
  const all = [...replicas, ...replicas, ...managers]
  const disturbed = all.filter(({ connection }) => connection.way !== 'open')
  // Outages end sooner than they begin.
  const process = random.pick(disturbed.length > 0 && random.chance(0.8) ? disturbed : all)
  const { connection } = process
  connection.way = connection.way === 'open' ? random.pick(['silent', 'silent', 'refusing']) : 'open'
  schedule.note(`the way of ${process.name} to the store is ${connection.way}`)
}

function pauseOrResume(world: World): void {
  const { random, schedule } = world
  const replica: Replica = random.pick(world.replicas)
  if (replica.isPaused) replica.resume()
  else replica.pause()
  schedule.note(`${replica.name} is ${replica.isPaused ? 'paused' : 'resumed'}`)
}

function disturbAuthority(world: World): void {
  const { random, plight, schedule } = world
  const kind = random.pick(['failing', 'mute', 'misshapen'] as const)
  const name = random.pick<string>([...IDS, ...IDS, ...HOSTNAMES])
  plight[kind] = plight[kind] === undefined ? name : undefined
  schedule.note(`authority: ${kind} for ${plight[kind] ?? 'nobody'}`)
}

function forget(world: World): void {
  const { random, wall, schedule } = world
  const keys = [...wall.held.keys()]
  const lost = random.chance(0.3) || keys.length === 0 ? keys : [random.pick(keys)]
  schedule.later({ label: `store: forgets ${lost}`, run: () => wall.forget(lost) })
}

function failOver(world: World): void {
  const { random, wall, schedule } = world
  if (random.chance(0.6)) {
    schedule.note('store: a snapshot is saved')
    wall.save()
  } else schedule.later({ label: 'store: fails over to what was saved', run: () => wall.failOver() })
}
