/** `npm start`: installs, builds and runs the demo, on a machine that has Node and nothing else of ours. */
import { build, checkNode, install, report } from './workspace.js'

try {
  checkNode()
  await install()
  await build('@tenantry/demo')
} catch (error) {
  report(error)
  process.exit(1)
}

// In this process, not in a child: one less that has to be told of Ctrl-C, and waited for.
await import('../apps/demo/dist/main.js')
