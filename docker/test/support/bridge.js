/** Run in the lab's network: what connects to the Unix socket is connected to 127.0.0.1:PORT there. */
import { connect, createServer } from 'node:net'

const [socketPath, port] = process.argv.slice(2)

createServer((near) => {
  const far = connect(Number(port), '127.0.0.1')
  near.on('error', () => far.destroy()).on('close', () => far.destroy())
  far.on('error', () => near.destroy()).on('close', () => near.destroy())
  near.pipe(far).pipe(near)
}).listen(socketPath, () => console.log('listening'))
