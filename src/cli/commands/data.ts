/** @file `tagmask data`: what a data set holds, before anything is trained. */
import { buildRouteMap, type RouteMap } from '@stricli/core'
import type { CliContext } from '../context.ts'
import { check } from './data-check.ts'
import { demo } from './data-demo.ts'
import { tags } from './data-tags.ts'

export const data: RouteMap<CliContext> = buildRouteMap({
  routes: { check, tags, demo },
  docs: {
    brief: 'Check a data set, write its tags as a table, make the demo one',
    fullDescription: `Examples:
  tagmask data check my-photos
  tagmask data tags my-photos --out tags.csv
  tagmask data demo --out demo-data`,
  },
})
