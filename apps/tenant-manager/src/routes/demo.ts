import Type from 'typebox'
import { Demo, DemoReplica, DemoTraffic } from '../api.ts'
import { type ApiApp, replies } from '../api-app.ts'
import type { Board } from '../board.ts'
import { ManagerError } from '../error-reply.ts'

const tags = ['Demo']

/** What the demo lets its visitors do. */
export interface DemoControls {
  state(): Demo
  /** Resolves to the name of the new one. */
  addReplica(): Promise<string>
  removeReplica(name: string): Promise<void>
  setTraffic(on: boolean): void
}

const ReplicaParams = Type.Object({ name: Type.String({ minLength: 1, maxLength: 128 }) })

export function demoRoutes(app: ApiApp, demo: DemoControls, board: Board): void {
  app.post(
    '/demo/replicas',
    {
      schema: {
        tags,
        operationId: 'addReplica',
        summary: 'Starts one more replica.',
        response: replies({ 201: DemoReplica }),
      },
    },
    async (_request, reply) => {
      const name = await demo.addReplica()
      board.changed()
      reply.code(201)
      return { name }
    },
  )

  app.delete(
    '/demo/replicas/:name',
    {
      schema: {
        tags,
        operationId: 'removeReplica',
        summary: 'Stops a replica.',
        params: ReplicaParams,
        response: replies({ 204: Type.Null({ description: 'It has stopped.' }) }),
      },
    },
    async ({ params: { name } }, reply) => {
      if (!demo.state().replicas.some((replica) => replica.name === name)) {
        throw new ManagerError(404, 'MANAGER_ERR_NOT_FOUND', { message: 'There is no such replica' })
      }
      await demo.removeReplica(name)
      board.changed()
      return reply.code(204).send(null)
    },
  )

  app.put(
    '/demo/traffic',
    {
      schema: {
        tags,
        operationId: 'setTraffic',
        summary: 'Switches the traffic on or off.',
        body: DemoTraffic,
        response: replies({ 200: Demo }),
      },
    },
    async ({ body: { on } }) => {
      demo.setTraffic(on)
      board.changed()
      return demo.state()
    },
  )
}
