import { EventEmitter } from 'node:events'

/** What is seen of a socket. */
export class TestConnection extends EventEmitter {
  destroyed = false

  close(): void {
    this.destroyed = true
    this.emit('close')
  }
}

/** What is seen of a response. */
export class TestResponse extends EventEmitter {
  writableEnded = false
}
