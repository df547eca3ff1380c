/** @file `tagmask data`: what a data set holds, before anything is trained. */
import { buildRouteMap, type RouteMap } from '@stricli/core'
import type { CliContext } from '../context.ts'
import { check } from './data-check.ts'
import { demo } from './data-demo.ts'

export const data: RouteMap<CliContext> = buildRouteMap({
  routes: { check, demo },
  docs: {
    brief: 'Check a data set, make the demo one',
    fullDescription: `Examples:
  tagmask data check my-photos
  tagmask data demo --out demo-data`,
  },
})
