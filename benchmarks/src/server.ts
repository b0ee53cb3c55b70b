/** One subject in a process of its own. Tells its port, and how much CPU time it has used when it is asked. */
import { subjects } from './subjects.ts'

const [name = '', redisUrl = '', tenants = '1'] = process.argv.slice(2)
const subject = subjects[name]
if (subject === undefined)
  throw new Error(`Expected one of ${Object.keys(subjects).join(', ')}, got "${name}"`)

const app = await subject({ redisUrl, tenants: Number(tenants) })
await app.listen({ port: 0, host: '127.0.0.1' })
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuUs: user + system })
})
process.on('disconnect', () => process.exit())
const address = app.server.address()
process.send?.({ port: typeof address === 'object' ? address?.port : undefined })
