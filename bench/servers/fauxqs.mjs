/** The local queue server, a whole SQS-compatible one, in a process of its own, with its requests counted. */
import { buildApp } from "fauxqs";
import { Meter } from "./meter.mjs";
import { serve } from "./serve.mjs";

const meter = new Meter();
const app = buildApp({ logger: false, defaultRegion: "us-west-1" });
app.addHook("preHandler", (request, _reply, done) => {
  const action = String(request.headers["x-amz-target"]).replace("AmazonSQS.", "");
  meter.noteRequest(action);
  if (action === "DeleteMessage") meter.noteDeleted(1);
  if (action === "DeleteMessageBatch") {
    meter.noteDeleted(/** @type {{ Entries: readonly unknown[] }} */ (request.body).Entries.length);
  }
  done();
});
app.addHook("preSerialization", (_request, _reply, payload, done) => {
  const { Messages: messages } = /** @type {{ Messages?: readonly unknown[] }} */ (payload);
  if (messages) meter.noteReceived(messages.length);
  done(null, payload);
});
serve({ endpoint: await app.listen({ host: "127.0.0.1", port: 0 }), meter });
