/** Express 4 brings no types; those of 5 do, as far as the tests go. */
declare module 'express-4' {
  import express from 'express'
  export default express
}
