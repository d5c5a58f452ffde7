/** Names each skipped test and why: a test that is silently skipped proves nothing. */
export default class SkippedReporter {
  /** @param {readonly import("vitest/node").TestModule[]} modules */
  onTestRunEnd(modules) {
    for (const module of modules) {
      for (const test of module.children.allTests("skipped")) {
        const result = test.result();
        const reason = (result.state === "skipped" && result.note) || "no reason given";
        console.log(`skipped: ${module.relativeModuleId} > ${test.fullName}: ${reason}`);
      }
    }
  }
}
