import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { MemoryTokenStore } from '@tenantry/core'
import { ask, eventually } from '@tenantry/testing'
import t from 'tap'
import { ACME, GLOBEX, serve } from './support/serve.ts'

const acme = { headers: { host: 'acme.localhost' } }

t.test('a tenant', async (t) => {
  const { port, tenants, lifecycle } = await serve(t)

  t.test(
    'is told by /whoami with its whole configuration, its token, its build and its replica',
    async (t) => {
      const before = Date.now()
      const { status, headers, json } = await ask(port, '/whoami', acme)
      t.equal(status, 200)
      const { tenant, token, builtAt, replica } = json()
      t.strictSame(tenant, {
        ...ACME,
        id: 'acme',
        hostnames: ['acme.localhost', 'shop.example', 'xn--bcher-kva.example'],
      })
      t.equal(replica, 'replica-1')
      t.match(builtAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      t.ok(Math.abs(Date.parse(builtAt) - before) < 5000)
      t.ok(token.length > 0)
      t.equal(headers['x-tenantry-token'], token)
      t.equal(headers['x-tenantry-replica'], 'replica-1')
    },
  )

  t.test('is reached by each of its host names, with a port or without', async (t) => {
    for (const host of [
      'acme.localhost',
      `ACME.localhost:${port}`,
      'shop.example.',
      'xn--bcher-kva.example',
    ]) {
      t.equal((await ask(port, '/whoami', { headers: { host } })).json().tenant.id, 'acme', host)
    }
    t.equal(
      (await ask(port, '/whoami', { headers: { host: 'globex.localhost' } })).json().tenant.id,
      'globex',
    )
  })

  t.test('is built again by a restart, from what the file says then', async (t) => {
    const before = (await ask(port, '/whoami', acme)).json()
    tenants.write({ acme: { ...ACME, name: 'Acme Ltd' }, globex: GLOBEX })
    t.same((await ask(port, '/whoami', acme)).json(), before, 'not before')
    const token = await lifecycle.restart('acme')
    const after = (await ask(port, '/whoami', acme)).json()
    t.equal(after.token, token)
    t.equal(after.tenant.name, 'Acme Ltd')
    t.not(after.builtAt, before.builtAt)
  })

  t.test('is answered by /slow as by /whoami, after a wait', async (t) => {
    const started = performance.now()
    const slow = (await ask(port, '/slow?ms=150', acme)).json()
    t.ok(performance.now() - started >= 149)
    t.same(slow, (await ask(port, '/whoami', acme)).json())
    t.same((await ask(port, '/slow?ms=0', acme)).json(), slow)
  })

  t.test('may have a token that a header cannot carry as it is', async (t) => {
    const tokens = new MemoryTokenStore()
    const { port } = await serve(t, tokens)
    await tokens.write('tenant:acme', 'ein Tökén\r\nset-cookie: a=b')
    const { status, headers, json } = await ask(port, '/whoami', acme)
    t.equal(status, 200)
    t.equal(json().token, 'ein Tökén\r\nset-cookie: a=b')
    t.equal(headers['x-tenantry-token'], 'ein%20T%C3%B6k%C3%A9n%0D%0Aset-cookie%3A%20a%3Db')
    t.equal((await ask(port, '/', acme)).status, 200)
  })
})

t.test('a page', async (t) => {
  const { port, tenants, lifecycle } = await serve(t)

  t.test('shows the tenant, its replica, its token and when it was built', async (t) => {
    const { token, builtAt } = (await ask(port, '/whoami', acme)).json()
    const { status, headers, body } = await ask(port, '/', acme)
    t.equal(status, 200)
    t.equal(headers['content-type'], 'text/html; charset=utf-8')
    for (const text of ['Acme', 'Never give up the chase.', 'Rocket skates', '€ 249', 'Portable hole']) {
      t.ok(body.includes(text), text)
    }
    for (const text of [
      'replica-1',
      token,
      `datetime="${builtAt}"`,
      '--accent:#d9480f',
      '--second:#c2255c',
    ]) {
      t.ok(body.includes(text), text)
    }
    t.equal(headers['x-tenantry-token'], token)
    t.equal(headers['x-tenantry-replica'], 'replica-1')
    t.equal(headers['cache-control'], 'no-store')
    const head = await fetchHead(port)
    t.match(head, /^HTTP\/1\.1 200 /)
    t.match(head, /x-tenantry-token/)
  })

  t.test('may load nothing, and styles itself by a nonce that is new each time', async (t) => {
    const pages = await Promise.all([ask(port, '/', acme), ask(port, '/', acme)])
    const nonces = pages.map(({ headers, body }) => {
      const policy = headers['content-security-policy'] as string
      t.match(policy, /^default-src 'none'; /)
      const nonce = /style-src 'nonce-([^']+)'/.exec(policy)?.[1] as string
      t.ok(
        body.includes(`<style nonce="${nonce.replaceAll('=', '&#61;')}">`) ||
          body.includes(`<style nonce="${nonce}">`),
      )
      return nonce
    })
    t.not(nonces[0], nonces[1])
    t.notMatch(pages[0]?.body, /<script|https?:\/\/(?!www\.w3\.org)/)
  })

  t.test('makes do with a name and a host name', async (t) => {
    const { status, body } = await ask(port, '/', { headers: { host: 'globex.localhost' } })
    t.equal(status, 200)
    t.match(body, /<h1>Welcome to Globex<\/h1>/)
    t.match(body, /<span class="logo" aria-hidden="true">G<\/span>/)
  })

  t.test('writes dark letters on bright colours and bright ones on dark colours', async (t) => {
    for (const [accent, ink] of [
      ['#ffd43b', '#000'],
      ['#1a1a2e', '#fff'],
    ] as const) {
      tenants.write({ acme: { ...ACME, theme: { accent } } })
      await lifecycle.restart('acme')
      t.ok((await ask(port, '/', acme)).body.includes(`--second:${accent};--ink-on-accent:${ink};`), accent)
    }
  })

  t.test('escapes every configured value', async (t) => {
    const evil = `</style><script>alert("1")</script>&'`
    const product = { name: evil, text: evil, price: evil }
    tenants.write({
      acme: { ...ACME, name: evil, tagline: evil, logo: evil, products: [product], theme: undefined },
    })
    await lifecycle.restart('acme')
    const { status, body } = await ask(port, '/', acme)
    t.equal(status, 200)
    t.notMatch(body, /<script|alert\("/)
    t.equal(body.match(/<\/style>/g)?.length, 1)
    const escaped = '&#60;/style&#62;&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;&#39;'
    t.equal(body.split(escaped).length - 1, 7, 'title, logo, name, headline and a product of three parts')
  })

  t.test('is made of a name that begins with half a character', async (t) => {
    tenants.write({ acme: { ...ACME, name: '\ud83e', logo: undefined } })
    await lifecycle.restart('acme')
    t.equal((await ask(port, '/', acme)).status, 200)
  })
})

t.test('an error', async (t) => {
  const { port, tenants, lifecycle, log } = await serve(t)

  t.test('is told with a status code, a code and a message, and with nothing else', async (t) => {
    for (const [path, host, statusCode, code] of [
      ['/', 'nobody.example', 404, 'TENANTRY_ERR_TENANT_NOT_FOUND'],
      ['/nowhere', 'nobody.example', 404, 'TENANTRY_ERR_TENANT_NOT_FOUND'],
      ['/', 'a,b', 400, 'TENANTRY_ERR_HOST_INVALID'],
      ['/', '127.0.0.1', 400, 'TENANTRY_ERR_HOST_INVALID'],
      ['/nowhere', 'acme.localhost', 404, 'SAMPLE_ERR_NOT_FOUND'],
      ['/slow?ms=60001', 'acme.localhost', 400, 'FST_ERR_VALIDATION'],
      ['/slow?ms=-1', 'acme.localhost', 400, 'FST_ERR_VALIDATION'],
      ['/slow?ms=1.5', 'acme.localhost', 400, 'FST_ERR_VALIDATION'],
      ['/slow?ms=soon', 'acme.localhost', 400, 'FST_ERR_VALIDATION'],
      ['/broken', 'acme.localhost', 500, 'SAMPLE_ERR_INTERNAL'],
      ['/%zz', 'acme.localhost', 400, 'FST_ERR_BAD_URL'],
    ] as const) {
      const { status, headers, json } = await ask(port, path, { headers: { host } })
      t.equal(status, statusCode, `${host}${path}`)
      t.match(headers['content-type'], /^application\/json/)
      t.same(Object.keys(json()), ['statusCode', 'code', 'message'])
      t.match(json(), { statusCode, code, message: /./ })
    }
  })

  t.test('of a handler tells a stranger nothing of the inside, and the log everything', async (t) => {
    const { body } = await ask(port, '/broken', acme)
    t.notMatch(body, /hunter2/)
    t.match(log.join(''), /hunter2/)
  })

  t.test('tells of the tenant that was reached, if one was', async (t) => {
    const { token } = (await ask(port, '/whoami', acme)).json()
    for (const path of ['/nowhere', '/slow?ms=soon', '/broken']) {
      const { headers } = await ask(port, path, acme)
      t.equal(headers['x-tenantry-token'], token, path)
      t.equal(headers['x-tenantry-replica'], 'replica-1', path)
    }
    const { headers } = await ask(port, '/', { headers: { host: 'nobody.example' } })
    t.equal(headers['x-tenantry-token'], undefined)
  })

  t.test('of the tenants file is in the log; a stranger is told to try again', async (t) => {
    tenants.write('{ "tenants": { "acme": ')
    t.equal((await ask(port, '/whoami', acme)).status, 200, 'a tenant in memory is served')
    await lifecycle.restart('acme')
    const { status, headers, body, json } = await ask(port, '/whoami', acme)
    t.equal(status, 503)
    t.equal(json().code, 'TENANTRY_ERR_BUILD_FAILED')
    t.match(headers['retry-after'], /^[1-9]\d*$/)
    t.notMatch(body, /tenants\.json|JSON/)
    t.match(log.join(''), /The tenants file .*tenants\.json cannot be used: .*JSON/)

    tenants.write({ acme: ACME, globex: GLOBEX })
    await lifecycle.restart('acme')
    t.equal((await ask(port, '/whoami', acme)).status, 200, 'a new token ends the back-off')
  })

  t.test('of the token store is a 503 with Retry-After', async (t) => {
    const tokens = new MemoryTokenStore()
    const { port } = await serve(t, tokens)
    tokens.read = () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:6379'))
    const { status, headers, body, json } = await ask(port, '/whoami', acme)
    t.equal(status, 503)
    t.equal(json().code, 'TENANTRY_ERR_STORE_UNREACHABLE')
    t.match(headers['retry-after'], /^[1-9]\d*$/)
    t.notMatch(body, /10\.0\.0\.7/)
  })

  t.test('is told in the same way to what is not quite HTTP', async (t) => {
    for (const [request, statusCode, code] of [
      ['GET / HTTP/1.1\r\n\r\n', 400, 'TENANTRY_ERR_HOST_INVALID'],
      [
        'GET / HTTP/1.1\r\nHost: acme.localhost\r\nHost: acme.localhost\r\n\r\n',
        400,
        'TENANTRY_ERR_HOST_INVALID',
      ],
      [`GET / HTTP/1.1\r\nHost: ${'a'.repeat(65_536)}\r\n\r\n`, 431, 'SAMPLE_ERR_BAD_REQUEST'],
      ['nonsense\r\n\r\n', 400, 'SAMPLE_ERR_BAD_REQUEST'],
    ] as const) {
      const response = await exchange(port, request)
      t.match(response, new RegExp(`^HTTP/1\\.1 ${statusCode} `), request.slice(0, 20))
      t.match(JSON.parse(response.slice(response.indexOf('{'))), { statusCode, code, message: /./ })
    }
  })
})

t.test('/healthz needs no tenant', async (t) => {
  const { port } = await serve(t)
  for (const host of ['nobody.example', 'acme.localhost', '127.0.0.1', 'a,b']) {
    const { status, headers, json } = await ask(port, '/healthz', { headers: { host } })
    t.equal(status, 200, host)
    t.same(json(), { status: 'ok' })
    t.equal(headers['x-tenantry-token'], undefined)
  }
})

t.test('a server that leaves asks its clients to come back on another connection', async (t) => {
  const leaving = new AbortController()
  const { port, log } = await serve(t, undefined, { leaving: leaving.signal })
  const keepAlive = { headers: { ...acme.headers, connection: 'keep-alive' } }
  t.not((await ask(port, '/whoami', keepAlive)).headers.connection, 'close')
  const slow = ask(port, '/slow?ms=500', keepAlive)
  await eventually(() => log.some((line) => line.includes('answering slowly')), { timeoutMs: 30_000 })
  leaving.abort()
  t.equal((await slow).headers.connection, 'close', 'also those that have waited since before')

  t.test('and answers all that they have sent on this one', async (t) => {
    const socket = connect(port, '127.0.0.1')
    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: acme.localhost\r\n\r\n`
    socket.write(['/slow?ms=100', '/whoami', '/nowhere'].map(request).join(''))
    const answers = (await text(socket)).split(/(?=HTTP\/1\.1 )/)
    t.same(
      answers.map((answer) => [answer.slice(9, 12), /^connection: close\r$/im.test(answer)]),
      [
        ['200', false],
        ['200', false],
        ['404', true],
      ],
    )
  })
})

t.test('every lease comes back', async (t) => {
  const { app, port } = await serve(t)
  for (const path of ['/', '/whoami', '/slow?ms=1', '/broken', '/nowhere', '/slow?ms=soon', '/healthz']) {
    await ask(port, path, acme)
  }
  t.equal(app.tenants.stats().leases, 0)
})

function fetchHead(port: number): Promise<string> {
  return exchange(port, 'HEAD / HTTP/1.1\r\nHost: acme.localhost\r\nConnection: close\r\n\r\n')
}

/** Sends these bytes and reads what comes until the connection ends. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  // An answer may come before all has been sent, and the connection be gone by then.
  socket.on('error', () => {})
  socket.end(bytes)
  return text(socket)
}
