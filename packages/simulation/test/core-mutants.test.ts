import t from 'tap'
import { coreMutants, Simulation } from '../src/index.ts'
import { huntAll } from './support/hunt-all.ts'

t.test('each rule of the core that is broken on purpose is caught', async (t) => {
  await huntAll(t, coreMutants, { simulation: new Simulation(), maxSeeds: 1500 })
})
