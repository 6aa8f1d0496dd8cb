import { describe, expect, it } from "vitest";
import { asUnavailable, redisFailure, repliedWith } from "../../../store/redis/failures.ts";

function reply(message: string): Error {
  const error = new Error(message);
  error.name = "ReplyError";
  return error;
}

describe("redis failure", () => {
  it.each([
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica. script: 1a2b, on @user_script:75.",
    "OOM command not allowed when used memory > 'maxmemory'. script: 1a2b, on @user_script:75.",
    "ERR Error running script (call to f_1a): @user_script:75: @user_script: 75: -OOM command not allowed",
    "MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.",
    "NOREPLICAS Not enough good replicas to write.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "MOVED 3999 127.0.0.1:6381",
    "ASK 3999 127.0.0.1:6381",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "NOAUTH Authentication required.",
    "ERR Script attempted to access a non local key in a cluster node script: 1a2b, on @user_script:12.",
  ])("is unavailable, nothing applied: %s", (message) => {
    expect(redisFailure(reply(message)).code).toBe("STORE_UNAVAILABLE");
  });

  it("is unavailable when the command was never sent", () => {
    const error = new Error("Stream isn't writeable and enableOfflineQueue options is false");
    expect(redisFailure(error).code).toBe("STORE_UNAVAILABLE");
  });

  it.each([
    new Error("Command timed out"),
    new Error("Connection is closed."),
    new Error("Reached the max retries per request limit (which is 0)."),
    new Error("OOM in something that is no reply "),
    reply("ERR something that nobody has thought of"),
  ])("is an unknown outcome in doubt: $message", (error) => {
    expect(redisFailure(error).code).toBe("STORE_UNKNOWN_OUTCOME");
    expect(asUnavailable(error).code).toBe("STORE_UNAVAILABLE");
  });

  it("is a bug when a script stopped half way", () => {
    expect(redisFailure(reply("PARTIAL WRONGTYPE Operation against a key")).code).toBe("STORE_CORRUPT");
  });

  it("does not carry the command, whose arguments are message bodies and passwords", () => {
    const error = Object.assign(reply("WRONGPASS invalid"), { command: { name: "auth", args: ["secret"] } });
    expect(redisFailure(error).cause).not.toHaveProperty("command");
  });

  it("carries the code of the reply", () => {
    expect(repliedWith(redisFailure(reply("MOVED 1 a:1")), "ASK", "MOVED")).toBe(true);
    expect(repliedWith(redisFailure(reply("LOADING x")), "ASK", "MOVED")).toBe(false);
  });
});
