import type { KnowledgeEntry, TenantConfig } from "../actors/directory.ts";
import type { DeskId, TenantId, UserId } from "../protocol/ids.ts";

const support = "support" as DeskId;
const sales = "sales" as DeskId;

const entries: readonly KnowledgeEntry[] = [
  {
    questions: [
      "How long does shipping take?",
      "When will my order or package arrive?",
      "delivery time",
      "多久能发货？",
      "快递几天能到？",
      "我的包裹什么时候送达？",
    ],
    answer:
      "Orders leave our warehouse within 24 hours and arrive in 2 to 4 working days. 订单 24 小时内发货，2 至 4 个工作日送达。",
  },
  {
    questions: [
      "Where is my order? Track my package",
      "tracking number",
      "物流查询",
      "我的快递到哪里了？",
      "查询运单号",
    ],
    answer:
      "Open “My orders” and choose “Track”: the tracking number is there. 在“我的订单”中点击“查看物流”即可看到运单号。",
  },
  {
    questions: ["What does shipping cost? delivery fee", "Is shipping free?", "运费多少钱？", "满多少包邮？"],
    answer: "Shipping costs 10 yuan and is free from 99 yuan. 运费 10 元，满 99 元包邮。",
  },
  {
    questions: [
      "How can I return an item?",
      "send a product back",
      "return policy",
      "怎么退货？",
      "七天无理由退货",
      "退货运费谁承担？",
    ],
    answer:
      "Within 7 days, under “My orders” - “Return”; we pay the way back when the item is faulty. 七天内可在“我的订单”申请退货，质量问题由我们承担运费。",
  },
  {
    questions: [
      "When do I get my refund?",
      "refund to my card, money back",
      "退款多久到账？",
      "什么时候退钱？",
    ],
    answer:
      "Refunds are paid 1 to 3 working days after we have received the item. 收到退回的商品后 1 至 3 个工作日内退款到账。",
  },
  {
    questions: [
      "Can I exchange it for another size?",
      "exchange an item, wrong size",
      "换货",
      "尺码不合适能换吗？",
    ],
    answer: "Yes, within 15 days: choose “Exchange” in the order. 可以，15 天内在订单中选择“换货”。",
  },
  {
    questions: [
      "How do I get an invoice?",
      "invoice for my company, receipt, tax",
      "怎么开发票？",
      "电子发票在哪里下载？",
      "公司抬头发票",
    ],
    answer:
      "Choose “Invoice” in the finished order; it is mailed within a day. 订单完成后点击“申请发票”，一天内发送到邮箱。",
  },
  {
    questions: [
      "What are your opening hours?",
      "service hours, are you open on weekends",
      "你们几点上班？",
      "客服工作时间",
      "周末营业吗？",
    ],
    answer: "People are here every day from 9:00 to 21:00. 人工客服每天 9:00-21:00 在线。",
  },
  {
    questions: [
      "I forgot my password",
      "reset password, cannot log in to my account",
      "忘记密码怎么办？",
      "密码忘了",
      "账号登录不上",
      "重置密码",
    ],
    answer:
      "Choose “Forgot password” on the login page; a code comes by text message. 在登录页点击“忘记密码”，通过短信验证码重置。",
  },
  {
    questions: [
      "Which payment methods do you accept?",
      "pay by credit card, PayPal, Alipay, WeChat",
      "支持哪些支付方式？",
      "可以用微信支付宝付款吗？",
    ],
    answer: "Credit card, PayPal, Alipay and WeChat Pay. 支持信用卡、PayPal、支付宝和微信支付。",
  },
  {
    questions: [
      "How do I cancel my order?",
      "cancel an order that was not shipped",
      "怎么取消订单？",
      "不想要了，取消购买",
    ],
    answer: "Until it is shipped you can cancel under “My orders”. 发货前可在“我的订单”中取消。",
  },
  {
    questions: [
      "How do I change my delivery address?",
      "wrong shipping address",
      "修改收货地址",
      "地址填错了怎么改？",
    ],
    answer:
      "Until the order is shipped: “My orders” - “Change address”. 发货前可在“我的订单”中修改收货地址。",
  },
];

/** The tenant of a first try: two channels, two desks, a bilingual robot, two agents and a supervisor. */
export const demoTenant: TenantConfig = {
  id: "demo" as TenantId,
  name: "Demo shop",
  channels: [
    { id: "web", name: "Website", desk: support, robot: "helper" },
    { id: "app", name: "App", desk: sales },
  ],
  desks: [
    { id: support, name: "Support" },
    { id: sales, name: "Sales" },
  ],
  robots: [
    {
      id: "helper",
      name: "Helper",
      greeting:
        "Hello! Ask me about orders, shipping, returns or invoices, or ask for a person. 您好！订单、物流、退换货、发票都可以问我，也可以转人工客服。",
      unknown:
        "Sorry, I do not know that. Try other words, or ask for a person. 抱歉，我没有听懂，请换个说法，或转人工客服。",
      entries,
    },
  ],
  agents: [
    { id: "amy" as UserId, name: "Amy", desks: [support, sales], capacity: 5 },
    { id: "bo" as UserId, name: "Bo", desks: [support], capacity: 5 },
    // Serves no desk: gets no offers, but has room to take conversations over.
    { id: "sue" as UserId, name: "Sue", desks: [], capacity: 5 },
  ],
  policy: { idleMs: 15 * 60_000, idleNoticeMs: 2 * 60_000, robotTries: 3, agentGraceMs: 60_000 },
};
