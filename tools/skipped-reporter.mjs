/** Names each skipped test and why: a test that is silently skipped proves nothing. */
export default class SkippedReporter {
  /** @param {readonly import("vitest/node").TestModule[]} modules */
  onTestRunEnd(modules) {
    for (const module of modules) {
      for (const test of module.children.allTests("skipped")) {
        const result = test.result();
        // Without a note of its own, the reason is in the title of the test or of its group.
        const note = result.state === "skipped" && result.note ? `: ${result.note}` : "";
        console.log(`skipped: ${module.relativeModuleId} > ${test.fullName}${note}`);
      }
    }
  }
}
