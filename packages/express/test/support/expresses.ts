import express5 from 'express'
import express4 from 'express-4'

/** Every Express that the middleware is for. */
export const EXPRESSES = { 'Express 5': express5, 'Express 4': express4 }
