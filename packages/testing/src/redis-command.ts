import { connect } from 'node:net'

type Reply = string | null | Error | Reply[]

/**
 * Sends one command on a connection of its own and resolves to the reply as `redis-cli --raw` prints it: a list
 * line by line, nil as the empty string. So a test sees the server without the client that it tests.
 *
 * @throws the server's error; also when it has not answered within 5 s
 */
export async function redisCommand(
  port: number,
  args: readonly string[],
  password?: string,
): Promise<string> {
  const login = password === undefined ? [] : [['AUTH', password]]
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(5000, () => socket.destroy(new Error(`The server did not answer: ${args.join(' ')}`)))
  // QUIT: the server closes the connection behind its answers, so there is no telling when they are complete.
  socket.end([...login, args, ['QUIT']].map(encode).join(''))
  let received = ''
  // latin1: one character per byte, since the protocol counts bytes.
  for await (const chunk of socket.setEncoding('latin1')) received += chunk
  const next = replies(received)
  if (password !== undefined) print(next())
  return print(next())
}

function encode(args: readonly string[]): string {
  return [`*${args.length}`, ...args.flatMap((arg) => [`$${Buffer.byteLength(arg)}`, arg]), ''].join('\r\n')
}

/** Reads one reply after the other (RESP 2). */
function replies(received: string): () => Reply {
  let at = 0

  function take(end: number): string {
    if (end < at || end > received.length)
      throw new Error('The server closed the connection before it answered')
    const text = Buffer.from(received.slice(at, end), 'latin1').toString()
    at = end + 2
    return text
  }

  return function next(): Reply {
    const line = take(received.indexOf('\r\n', at))
    const rest = line.slice(1)
    if (line[0] === '-') return new Error(rest)
    if (rest === '-1' && line[0] !== ':') return null
    if (line[0] === '$') return take(at + Number(rest))
    return line[0] === '*' ? Array.from({ length: Number(rest) }, next) : rest
  }
}

function print(reply: Reply): string {
  if (reply instanceof Error) throw reply
  return Array.isArray(reply) ? reply.map(print).join('\n') : (reply ?? '')
}
