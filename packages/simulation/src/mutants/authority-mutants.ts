import { PRESETS } from '../presets.ts'
import type { Mutant } from './mutant.ts'

const of = (mutant: Omit<Mutant, 'package' | 'world'>): Mutant => ({
  ...mutant,
  package: 'authority',
  world: 'whole',
})

/** Rules of `@tenantry/authority`: the manager's side. */
export const authorityMutants: readonly Mutant[] = [
  of({
    name: 'restarts are returned, and written, before the change is committed',
    breaks: 'R2',
    file: 'authority.js',
    edits: [
      [
        `return await this.#database.transaction(async (sql) => {
          const { result, targets } = await change(sql);
          return { result, restarts: await commitRestarts(sql, targets, { ...asked, cause }) };
        });`,
        `let targets;
        await this.#database.transaction(async (sql) => {
          targets = [...(await change(sql)).targets];
          throw new Error('only to learn the targets');
        }).catch((error) => { if (targets === undefined) throw error; });
        const restarts = await this.#database.transaction((sql) => commitRestarts(sql, targets, { ...asked, cause }));
        this.#database.transaction(change).catch(() => {});
        return { result: undefined, restarts };`,
      ],
    ],
    caughtBy: ['G1', 'END'],
  }),
  of({
    name: 'a restart is written with the same value each time',
    breaks: 'R5',
    file: 'write-restarts.js',
    edits: [['newToken()}', "'again'}"]],
    caughtBy: ['R5'],
  }),
  of({
    name: 'there is no reconciler',
    breaks: 'section 7',
    file: 'reconciler.js',
    edits: [['if (this.#isClosed) return; const lookAndSchedule', 'return; const lookAndSchedule']],
    caughtBy: ['END'],
  }),
  of({
    name: 'the reconciler takes no full look',
    breaks: 'section 7: after Redis comes back empty, after a failover',
    file: 'reconciler.js',
    edits: [['const isFull = this.#untilFull === 0;', 'const isFull = false;']],
    caughtBy: ['END'],
  }),
  of({
    name: 'the reconciler goes on only where a token is absent',
    breaks: 'section 7: over claimed and hand-set values, too',
    file: 'settle-restarts.js',
    edits: [['!isTokenOf(restart, found[index])', 'found[index] === null']],
    caughtBy: ['END'],
  }),
  of({
    name: 'a restart counts as written although the store has refused it',
    breaks: 'G1',
    file: 'restart-writer.js',
    edits: [['written: failure === undefined', 'written: true']],
    caughtBy: ['G1', 'G5'],
  }),
  of({
    name: 'a changed tenant is not restarted',
    breaks: 'section 7: a restart is committed with the change',
    file: 'authority.js',
    edits: [
      ['targets: hostsChange ? [target, HOSTS] : [target] };', 'targets: hostsChange ? [HOSTS] : [] };'],
    ],
    caughtBy: ['END'],
  }),
  of({
    name: 'the old owner of a host is not restarted',
    breaks: 'section 6',
    file: 'authority.js',
    edits: [['targets.push(tenantTarget(owner));', '']],
    temper: PRESETS.calmChanges,
    caughtBy: ['G1', 'G9', 'END'],
  }),
]
