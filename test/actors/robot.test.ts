import { describe, expect, it } from "vitest";
import { knowledgeBase, termsOf } from "../../actors/knowledge.ts";
import { present } from "../../base/assert.ts";
import { robotAddress } from "../../actors/address.ts";
import { demoTenant } from "../../server/demo.ts";
import type { ConversationId } from "../../protocol/ids.ts";
import { onTheWay, tenant, usualWorld } from "./cast.ts";

const robot = present(demoTenant.robots[0], "the demo has a robot");
const knowledge = knowledgeBase()(robot);

describe("knowledge", () => {
  it.each([
    ["how long will delivery take", "2 to 4 working days"],
    ["when does my parcel arrive?", "2 to 4 working days"],
    ["什么时候发货", "24 小时内发货"],
    ["Can I pay with AliPay?", "Alipay"],
    ["ＰａｙＰａｌ", "PayPal"],
    ["支付宝可以吗", "支付宝"],
    ["能开发票吗", "申请发票"],
    ["invoices", "Invoice"],
    ["forgot pasword", "Forgot password"],
    ["密码忘了怎么办", "忘记密码"],
    ["我想退货，运费谁承担", "申请退货"],
    ["你们几点下班", "9:00-21:00"],
    ["地址写错了", "修改收货地址"],
    ["怎么取消订单", "取消"],
  ])("answers %s", (question, part) => {
    expect(knowledge.answer(question)).toContain(part);
  });

  it.each([
    "what is the weather today",
    "今天天气怎么样",
    "tell me a joke",
    "讲个笑话",
    "my screen is broken and shows green lines",
    "手机屏幕碎了",
    "my neighbour says that in order to play chess one has to study many openings",
    "hello",
    "你好",
    "",
    "???",
    "🙂",
  ])("does not know %s", (question) => {
    expect(knowledge.answer(question)).toBeUndefined();
  });

  it("cuts Chinese into words' neighbours and English into stems", () => {
    expect(termsOf("怎么开发票？ My INVOICES")).toEqual(["开发", "发票", "invoice"]);
  });

  it("builds an index once per configuration", () => {
    const known = knowledgeBase();
    expect(known(robot)).toBe(known(robot));
  });
});

describe("robot", () => {
  const address = robotAddress(tenant, "s.vic.1" as ConversationId);

  it("tells its conversation what it knows, and that it does not", () => {
    const world = usualWorld();
    world.step(address, { kind: "ask", robot: "rob", question: 3, text: "price?" });
    world.step(address, { kind: "ask", robot: "rob", question: 5, text: "hm?" });
    world.step(address, { kind: "ask", robot: "nobody", question: 7, text: "price?" });
    expect(onTheWay(world, "answered")).toEqual([
      { kind: "answered", question: 3, text: "It costs 5." },
      { kind: "answered", question: 5 },
      { kind: "answered", question: 7 },
    ]);
    expect(world.tells[0]?.to).toEqual({ kind: "conversation", tenant, id: "s.vic.1" });
  });
});
