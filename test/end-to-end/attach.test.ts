import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeCodes } from "../../protocol/codes.ts";
import { attachedClient, rawClient } from "./raw-client.ts";
import { startTestCluster, type TestCluster } from "./test-cluster.ts";

describe("one device that connects twice through different nodes", () => {
  let cluster: TestCluster;
  const url = (i: number): string => cluster.nodes[i]?.socketUrl ?? "";

  beforeAll(async () => {
    cluster = await startTestCluster(3);
  });
  afterAll(async () => {
    await cluster.stop();
  });

  it("keeps the newer attempt when the older one arrives last", async () => {
    for (let i = 0; i < 9; i++) {
      const token = await cluster.token("visitor", `twice${i}`);
      const newer = await attachedClient(url(i % 3), token, "phone", 2);
      const older = await rawClient(url((i + 1) % 3));
      older.send({ t: "auth", token, device: "phone", attempt: 1 });
      expect(await older.closed()).toBe(closeCodes.replaced);
      newer.send({ t: "open", p: "producer1", n: 1, after: 0, channel: "c0" });
      const { conv } = await newer.next("ack");
      expect((await newer.next("deliver", (frame) => frame.conv === conv)).seq).toBe(1);
      newer.close();
    }
  });

  it("closes the older connection elsewhere at once, and its late close changes nothing", async () => {
    for (let i = 0; i < 9; i++) {
      const token = await cluster.token("visitor", `moved${i}`);
      const older = await attachedClient(url(i % 3), token, "phone", 1);
      const newer = await attachedClient(url((i + 1) % 3), token, "phone", 2);
      expect(await older.closed()).toBe(closeCodes.replaced);
      const other = await attachedClient(url((i + 2) % 3), token, "laptop", 1);
      other.send({ t: "open", p: "producer2", n: 1, after: 0, channel: "c0" });
      const { conv } = await other.next("ack");
      expect((await newer.next("deliver", (frame) => frame.conv === conv)).seq).toBe(1);
      newer.close();
      other.close();
    }
  });

  it("resumes a quiet connection from the cursor that welcome gave, with no event seen in between", async () => {
    const token = await cluster.token("visitor", "quiet");
    const first = await attachedClient(url(0), token, "phone", 1);
    first.send({ t: "open", p: "producer3", n: 1, after: 0, channel: "c0" });
    const conv = (await first.next("ack")).conv ?? "";
    first.close();
    const second = await attachedClient(url(1), token, "phone", 2);
    const { tail } = (await second.next("welcome")).convs.find((one) => one.conv === conv) ?? {
      tail: [0, 0] as const,
    };
    second.close();
    const sender = await attachedClient(url(2), token, "laptop", 1);
    sender.send({
      t: "send",
      conv,
      p: "producer4",
      n: 1,
      after: 0,
      body: { kind: "text", text: "while you slept" },
    });
    await sender.next("ack");
    const third = await attachedClient(url(0), token, "phone", 3, { [conv]: tail });
    expect((await third.next("welcome")).recovered[conv]).toBe(true);
    const delivered = await third.next("deliver");
    expect([delivered.seq, delivered.prev]).toEqual([tail[0] + 1, tail[0]]);
    third.close();
    sender.close();
  });

  it("answers a cursor that the log does not match with a reset and the log from its beginning", async () => {
    const token = await cluster.token("visitor", "wrong");
    const first = await attachedClient(url(0), token, "phone", 1);
    first.send({ t: "open", p: "producer5", n: 1, after: 0, channel: "c0" });
    const conv = (await first.next("ack")).conv ?? "";
    const { seq, epoch } = await first.next("deliver");
    first.send({ t: "send", conv, p: "producer5", n: 1, after: 0, body: { kind: "text", text: "one more" } });
    await first.next("ack", (frame) => frame.seq > 0);
    first.close();
    const beyond = await attachedClient(url(1), token, "phone", 2, { [conv]: [99, epoch] });
    expect((await beyond.next("welcome")).recovered[conv]).toBe("reset");
    expect((await beyond.next("deliver")).seq).toBe(1);
    beyond.close();
    const otherEpoch = await attachedClient(url(2), token, "phone", 3, { [conv]: [seq, epoch + 7] });
    expect((await otherEpoch.next("conv")).recovered).toBe("reset");
    expect((await otherEpoch.next("deliver")).seq).toBe(1);
    otherEpoch.close();
  });
});
