/** `@tenantry/demo` for those who run it inside another process. `main.ts` is the process. */
export { type Demo, type DemoOptions, startDemo } from './demo.ts'
