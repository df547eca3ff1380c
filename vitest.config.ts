import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: 'test/build.ts',
    pool: 'forks', // the addon holds process-wide state: one process a file
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: { TAGMASK_THREADS: '1' }, // two forks on two cores
  },
})
