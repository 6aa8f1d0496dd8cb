import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const setupFiles = ["test/support/property-seed.ts"];

/**
 * `unit` mirrors the sources and needs no server; `contracts` runs the port suites against real servers;
 * `end-to-end` starts whole clusters, one file after the other.
 */
export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    maxWorkers: 2,
    reporters: ["default", "./test/summary-reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/contracts/**", "test/end-to-end/**"],
          setupFiles,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "contracts",
          include: ["test/contracts/**/*.test.ts"],
          setupFiles,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "end-to-end",
          include: ["test/end-to-end/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
