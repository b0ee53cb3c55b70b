import { connect } from 'node:net'

/**
 * Sends one command of the text protocol on a connection of its own and resolves to the reply, without its last line
 * break. So a test sees the server without the client that it tests.
 *
 * @throws the server's error; also when it has not answered within 5 s
 */
export async function memcachedCommand(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(5000, () => socket.destroy(new Error(`The server did not answer: ${command}`)))
  // quit: the server closes the connection behind its answer, so there is no telling when that is complete.
  socket.end(`${command}\r\nquit\r\n`)
  let received = ''
  for await (const chunk of socket.setEncoding('utf8')) received += chunk
  if (!received.endsWith('\r\n')) throw new Error('The server closed the connection before it answered')
  const reply = received.slice(0, -2)
  if (/^(CLIENT_|SERVER_)?ERROR\b/.test(reply)) throw new Error(reply)
  return reply
}
