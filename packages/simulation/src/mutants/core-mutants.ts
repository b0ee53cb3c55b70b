import { PRESETS } from '../presets.ts'
import type { Mutant } from './mutant.ts'

const of = (mutant: Omit<Mutant, 'package' | 'world'>): Mutant => ({
  ...mutant,
  package: 'core',
  world: 'core',
})

/** Rules of `@tenantry/core`. */
export const coreMutants: readonly Mutant[] = [
  of({
    name: 'the tokens are read after the configuration',
    breaks: 'R1',
    file: 'builder.js',
    edits: [
      [
        'return this.#options.tenants.create({ key, id, tenant: made.tenant, stamp }).hold();',
        `const late = await this.#read(key);
        const lateStamp = late.tenant && late.all ? { tenant: late.tenant, all: late.all } : stamp;
        build.setStamp(lateStamp);
        return this.#options.tenants.create({ key, id, tenant: made.tenant, stamp: lateStamp }).hold();`,
      ],
    ],
    caughtBy: ['G1'],
  }),
  of({
    name: 'a tenant that was loaded to learn whether it exists is served',
    breaks: 'R1, section 2, step 6',
    file: 'builder.js',
    edits: [
      [
        'const config = await this.#inTime(build, tokens, () => this.#load(build));',
        'const config = (build.probed = await this.#inTime(build, tokens, () => this.#load(build)));',
      ],
      [
        'const config = await this.#load(build);',
        'const config = build.probed ?? (await this.#load(build));',
      ],
    ],
    caughtBy: ['G1'],
  }),
  of({
    name: 'a check joins a read that is under way',
    breaks: 'R4',
    file: 'token-reader.js',
    edits: [
      [
        'const reading = this.#gathering; this.#gathering = undefined;',
        `const reading = this.#gathering;
        void reading?.settled.then(() => { if (this.#gathering === reading) this.#gathering = undefined; });`,
      ],
    ],
    caughtBy: ['G1', 'G5'],
  }),
  of({
    name: 'a tenant in memory is not checked',
    breaks: 'section 2, step 3',
    file: 'tenant-pool.js',
    edits: [
      ["return check !== 'every-request' && clock.now()", "return check === 'every-request' || clock.now()"],
    ],
    caughtBy: ['G1', 'G5', 'G6'],
  }),
  of({
    name: 'the token of all tenants is not compared',
    breaks: 'section 2, step 4',
    file: 'stamp.js',
    edits: [
      [
        'return reading.answer(key) === stamp.tenant.token && reading.answer(ALL) === stamp.all.token;',
        'return reading.answer(key) === stamp.tenant.token;',
      ],
    ],
    caughtBy: ['G1', 'G5', 'G6'],
  }),
  of({
    name: 'a tenant found restarted is served when a key of somebody else has failed',
    breaks: 'section 3: a failed key fails only the checks that need it',
    file: 'tenant-pool.js',
    edits: [
      [
        'if (stood && mayBeServed(leased) && !this.#closing)',
        'if ((reading?.failed || (stood && mayBeServed(leased))) && !this.#closing)',
      ],
    ],
    temper: PRESETS.failedKeys,
    caughtBy: ['G1', 'G5'],
  }),
  of({
    name: 'a failed key of somebody else leaves a check unanswered',
    breaks: 'section 3: a failed key fails only the checks that need it',
    file: 'stamp.js',
    edits: [
      [
        'return tenant === undefined || all === undefined',
        'return reading.failed || tenant === undefined || all === undefined',
      ],
    ],
    temper: PRESETS.failedKeys,
    caughtBy: ['G7'],
  }),
  of({
    name: 'a request joins a running build, whatever its tokens',
    breaks: 'section 2, step 4',
    file: 'builds.js',
    edits: [['if (place?.running?.isUnder(tokens))', 'if (place?.running !== undefined)']],
    caughtBy: ['G1', 'G5'],
  }),
  of({
    name: 'a missing token counts as unchanged',
    breaks: 'G5',
    file: 'stamp.js',
    edits: [
      [
        'return reading.answer(key) === stamp.tenant.token && reading.answer(ALL) === stamp.all.token;',
        `const same = (answer, token) => answer === null || answer === token;
        return same(reading.answer(key), stamp.tenant.token) && same(reading.answer(ALL), stamp.all.token);`,
      ],
    ],
    caughtBy: ['G5'],
  }),
  of({
    name: 'a claim replaces what is there',
    breaks: 'section 2, step 6: claim is add-if-absent',
    file: 'memory-token-store.js',
    edits: [
      ['return this.#find(key) ?? this.#hold(key, newToken());', 'return this.#hold(key, newToken());'],
    ],
    caughtBy: ['G5'],
  }),
  of({
    name: 'a claim that lost does not read the winner',
    breaks: 'section 2, step 6: replicas that start together agree',
    file: 'token-store.js',
    edits: [['if (await steps.add(key, token))', 'await steps.add(key, token); if (true)']],
    caughtBy: ['G5'],
  }),
  of({
    name: 'a claim sends the same value again',
    breaks: 'R5',
    file: 'token-reader.js',
    edits: [['() => store.claim(key, newToken)', "() => store.claim(key, () => 'again')"]],
    caughtBy: ['R5'],
  }),
  of({
    name: 'a tenant is disposed of before its last lease has ended',
    breaks: 'G3',
    file: 'lease.js',
    edits: [['if (this.#left !== undefined && this.#leases === 0)', 'if (this.#left !== undefined)']],
    caughtBy: ['G3'],
  }),
  of({
    name: 'a lease that is given back twice counts twice',
    breaks: 'G3',
    file: 'lease.js',
    edits: [['if (this.#released) return;', '']],
    caughtBy: ['G3'],
  }),
  of({
    name: 'there is no drain deadline',
    breaks: 'G3',
    file: 'lease.js',
    edits: [['() => this.#finish(), this.#end.drainTimeoutMs', '() => {}, this.#end.drainTimeoutMs']],
    caughtBy: ['G3'],
  }),
  of({
    name: 'the lease comes after the check',
    breaks: 'section 2, step 2',
    file: 'tenant-pool.js',
    edits: [
      ['leased?.hold();', ''],
      ['return leased.lease();', 'return leased.hold().lease();'],
      ['return leased.hold().lease(); leased.release();', 'return leased.hold().lease();'],
      ["pooled.left?.code !== 'TENANTRY_ERR_TENANT_RESTARTED' && !pooled.drained", 'true'],
    ],
    temper: PRESETS.evictions,
    caughtBy: ['G3'],
  }),
  of({
    name: 'an evicted tenant is forgotten',
    breaks: 'G3',
    file: 'pooled-tenants.js',
    edits: [["this.#leave(pooled, new TenantryError('TENANTRY_ERR_TENANT_EVICTED'));", '']],
    caughtBy: ['G3'],
  }),
  of({
    name: 'what comes after the time limit is not disposed of',
    breaks: 'section 2, step 7',
    file: 'builder.js',
    edits: [['void this.#options.tenants.dispose(tenant, id);', '']],
    temper: PRESETS.lateBuilds,
    caughtBy: ['G3'],
  }),
  of({
    name: 'a request that holds a tenant is given the next one',
    breaks: 'G2',
    file: 'pooled-tenants.js',
    edits: [
      [
        'this.#byKey.set(pooled.key, pooled);',
        `for (const old of this.#outside) if (old.id === pooled.id) old.tenant = pooled.tenant;
        this.#byKey.set(pooled.key, pooled);`,
      ],
    ],
    caughtBy: ['G2', 'G3'],
  }),
  of({
    name: 'a slot is never taken',
    breaks: 'G4',
    file: 'slots.js',
    edits: [['this.#free -= 1; next();', 'next();']],
    caughtBy: ['G4'],
  }),
  of({
    name: 'a tenant has more places than one',
    breaks: 'G4',
    file: 'builds.js',
    edits: [
      ['if (place?.waiting !== undefined)', 'if (false)'],
      ['if (place === undefined) {', 'if (true) {'],
    ],
    caughtBy: ['G4'],
  }),
  of({
    name: 'a build has no time limit',
    breaks: 'section 2, step 7',
    file: 'builder.js',
    edits: [["build.abort(new TenantryError('TENANTRY_ERR_BUILD_TIMEOUT'));", '']],
    caughtBy: ['G4'],
  }),
  of({
    name: 'a tenant that was found to differ stays in the pool',
    breaks: 'G6',
    file: 'pooled-tenants.js',
    edits: [
      [
        'this.#pooled.delete(pooled.id); this.#byKey.delete(key); this.outdate(pooled);',
        'pooled.checkedAt = pooled.checkedAt;',
      ],
    ],
    caughtBy: ['G5', 'G6'],
  }),
  of({
    name: 'a build that is outdated enters the pool',
    breaks: 'section 2, step 5: a late build never replaces what is newer',
    file: 'tenant-pool.js',
    edits: [['if (build.outdated)', 'if (false)']],
    temper: PRESETS.outdatedBuilds,
    caughtBy: ['G5', 'G6'],
  }),
  of({
    name: 'a build forgets what was found before its tokens were known',
    breaks: 'section 2, step 4',
    file: 'build.js',
    edits: [['for (const reading of Object.values(this.#latest)) this.see(reading);', '']],
    temper: PRESETS.outdatedBuilds,
    caughtBy: ['G5', 'G6'],
  }),
  of({
    name: 'a late answer does not count',
    breaks: 'section 2, step 4',
    file: 'token-reader.js',
    edits: [
      [
        'if (!this.#closed) this.#options.onAnswer(reading); endWait();',
        'if (endWait() && !this.#closed) this.#options.onAnswer(reading);',
      ],
    ],
    caughtBy: ['G5', 'G6'],
  }),
  of({
    name: 'what a probe finds does not count',
    breaks: 'section 2, step 4',
    file: 'token-reader.js',
    edits: [['if (!this.#closed) this.#options.onAnswer(reading); if (!end())', 'if (!end())']],
    temper: PRESETS.upheavals,
    caughtBy: ['G5', 'G6'],
  }),
  of({
    name: 'an answer about all tenants does not count when one asked for later came first',
    breaks: 'section 2, step 4',
    file: 'tenant-pool.js',
    edits: [
      [
        'if (all === undefined) return;',
        'if (all === undefined || reading.order < this.#latestAll.order) return;',
      ],
    ],
    temper: PRESETS.overtakenReads,
    caughtBy: ['G6'],
  }),
  of({
    name: 'unchecked time counts from the outage',
    breaks: 'G6',
    file: 'tenant-pool.js',
    edits: [
      [
        'clock.now() - pooled.checkedAt <= maxUncheckedMs',
        'clock.now() - this.#unreachableSince <= maxUncheckedMs',
      ],
    ],
    caughtBy: ['G6'],
  }),
  of({
    name: 'a check counts from when it was answered',
    breaks: 'G6',
    file: 'pooled-tenants.js',
    edits: [
      [
        'pooled.checkedAt = Math.max(pooled.checkedAt, reading.at);',
        'pooled.checkedAt = this.#options.clock.now();',
      ],
    ],
    temper: PRESETS.lateAnswers,
    caughtBy: ['G6'],
  }),
  of({
    name: 'nothing is served while the store does not answer',
    breaks: 'G6',
    file: 'tenant-pool.js',
    edits: [['if (pooled !== undefined && clock.now()', 'if (false && clock.now()']],
    caughtBy: ['G6'],
  }),
  of({
    name: 'who has waited for a store that does not answer is refused',
    breaks: 'section 2, step 4: no answer in time',
    file: 'tenant-pool.js',
    edits: [
      [
        'if (tokens === undefined) return this.#leaseUnchecked(id);',
        `if (tokens === undefined) {
          if (reading !== undefined) throw new TenantryError('TENANTRY_ERR_STORE_UNREACHABLE');
          return this.#leaseUnchecked(id);
        }`,
      ],
    ],
    caughtBy: ['G6'],
  }),
  of({
    name: 'silence of the store has no time limit',
    breaks: 'G6',
    file: 'token-reader.js',
    edits: [['if (!cancelled) run();', '']],
    caughtBy: ['G6'],
  }),
  of({
    name: 'requests wait for a store that is known to be unreachable',
    breaks: 'G6',
    file: 'token-reader.js',
    edits: [['if (this.#unreachable || this.#closed) return undefined; let reading', 'let reading']],
    caughtBy: ['G6'],
  }),
  of({
    name: 'the store is not probed',
    breaks: 'section 5',
    file: 'token-reader.js',
    edits: [['this.#probeContext.runInAsyncScope(() => this.#probe());', '']],
    caughtBy: ['END'],
  }),
  of({
    name: 'there is no sweep',
    breaks: 'section 2, the sweep',
    file: 'sweep.js',
    edits: [['if (this.#stopped) return;', 'return;']],
    caughtBy: ['END'],
  }),
  of({
    name: 'a new token does not end the back-off',
    breaks: 'G7',
    file: 'back-off.js',
    edits: [['if (failure === undefined || !alike(failure.tokens, tokens))', 'if (failure === undefined)']],
    caughtBy: ['G7'],
  }),
  of({
    name: 'there is no back-off',
    breaks: 'G7',
    file: 'back-off.js',
    edits: [['return Math.max(0, failure.until - this.#clock.now());', 'return 0;']],
    caughtBy: ['G7'],
  }),
  of({
    name: 'a failure of one tenant is a failure of all',
    breaks: 'G7',
    file: 'back-off.js',
    edits: [
      ['const failure = this.#of(tokens).get(key);', "const failure = this.#of(tokens).get('any');"],
      ['this.#of(tokens).set(key, {', "this.#of(tokens).set('any', {"],
      ['!alike(failure.tokens, tokens)', 'false'],
    ],
    caughtBy: ['G7'],
  }),
  of({
    name: 'the pool has no bound',
    breaks: 'G8',
    file: 'pooled-tenants.js',
    edits: [['max: options.maxTenants,', 'max: 1000,']],
    caughtBy: ['G8'],
  }),
  of({
    name: 'a stranger causes a token',
    breaks: 'G8',
    file: 'builder.js',
    edits: [['if (config === undefined) throw this.#notFound(build.key, tokens, allHosts);', '']],
    caughtBy: ['G8'],
  }),
  of({
    name: 'what is unknown is not remembered',
    breaks: 'G8',
    file: 'unknown.js',
    edits: [['this.#stamps.set(name, stamp);', '']],
    caughtBy: ['G8'],
  }),
  of({
    name: 'what is unknown stays so, whatever the tokens',
    breaks: 'section 6',
    file: 'unknown.js',
    edits: [['?.every((token, index) => token === tokens[index]) ?? false', ' !== undefined']],
    caughtBy: ['G1'],
  }),
  of({
    name: '`all-hosts` is read after the lookup',
    breaks: 'section 6',
    file: 'host-directory.js',
    edits: [
      ['unknown.remember(hostname, [token]);', 'unknown.remember(hostname, [await readHostsToken()]);'],
    ],
    caughtBy: ['G1'],
  }),
  of({
    name: 'a lookup under way is joined, whatever the token of `all-hosts`',
    breaks: 'section 6',
    file: 'host-directory.js',
    edits: [['if (underWay?.token === token)', 'if (underWay !== undefined)']],
    temper: PRESETS.changingHosts,
    caughtBy: ['G1'],
  }),
  of({
    name: 'a tenant need not name the host',
    breaks: 'G9',
    file: 'host-directory.js',
    edits: [['if (!failed && hostnames.has(hostname))', 'if (!failed)']],
    caughtBy: ['G9'],
  }),
  of({
    name: 'a tenant keeps the host names of its first generation',
    breaks: 'G9',
    file: 'host-directory.js',
    edits: [
      ['#hostnames = new WeakMap();', '#hostnames = new Map();'],
      ['this.#hostnames.get(builtAt)', 'this.#hostnames.get(id)'],
      ['this.#hostnames.set(builtAt, hostnames)', 'this.#hostnames.set(id, hostnames)'],
    ],
    caughtBy: ['G1', 'G9'],
  }),
  of({
    name: 'two Host headers are one too many, and nobody minds',
    breaks: 'G9',
    file: 'host.js',
    edits: [['refuseSecondHost(rawHeaders);', '']],
    caughtBy: ['G9'],
  }),
  of({
    name: 'a list of hosts is its first',
    breaks: 'G9',
    file: 'host.js',
    edits: [
      ['const { headers, rawHeaders, url } = request;', `const { headers, rawHeaders, url } = request;`],
      ['return parseHost(name);', "return parseHost(name.split(',')[0]);"],
    ],
    caughtBy: ['G9'],
  }),
]
