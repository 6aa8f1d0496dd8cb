/** The load generator: a process of its own that does the steps of one job as the bench tells it to. */
import { CrowdJob } from "./crowd-job.ts";
import type { Dialect, Target } from "./dialect.ts";
import { RawDialect } from "./dialect-raw.ts";
import { SocketIoDialect } from "./dialect-socketio.ts";
import { UsherDialect } from "./dialect-usher.ts";
import { XmppDialect } from "./dialect-xmpp.ts";
import { FanoutJob } from "./fanout-job.ts";
import { IdleJob } from "./idle-job.ts";
import type { Answer, Job, JobSpec, Request } from "./job.ts";
import { PairsJob } from "./pairs-job.ts";
import { StormJob } from "./storm-job.ts";
import { TouchJob } from "./touch-job.ts";

const jobs = {
  pairs: PairsJob,
  fanout: FanoutJob,
  storm: StormJob,
  idle: IdleJob,
  touch: TouchJob,
  crowd: CrowdJob,
};

function dialectOf(target: Target): Dialect {
  if (target.system === "usher") return new UsherDialect(target);
  if (target.system === "ejabberd") return new XmppDialect(target);
  return target.system === "ceiling" ? new RawDialect(target) : new SocketIoDialect(target);
}

function jobOf(spec: JobSpec): Job {
  return new jobs[spec.job](dialectOf(spec.target), spec);
}

let job: Job | undefined;

async function answer(request: Request): Promise<object> {
  if (request.kind === "job") {
    job = jobOf(request.spec);
    return {};
  }
  if (job === undefined) throw new Error("there is no job yet");
  return job.step(request.name, request.argument);
}

process.on("message", (request: Request) => {
  const reply = (what: Answer): void => void process.send?.(what);
  answer(request).then(
    (result) => reply({ kind: "result", result }),
    (error: unknown) =>
      reply({ kind: "failed", text: error instanceof Error ? String(error.stack) : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C reaches the whole group: the bench decides what ends when.
process.on("SIGINT", () => {});
