/** @file A thread that makes images of the demo data set. */
import sharp from 'sharp'
import { serveJobs } from '../worker-tasks.ts'
import { type DemoFolder, writeImage } from './write-image.ts'

sharp.concurrency(1)

serveJobs<DemoFolder, readonly number[], (readonly number[])[]>(folder => ({
  handle: numbers => Promise.all(numbers.map(number => writeImage(folder, number))),
}))
