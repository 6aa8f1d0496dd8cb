/**
 * Full-text knowledge of a robot, in Chinese and English. Questions are cut by Intl.Segmenter (UAX #29 with ICU's
 * dictionary); since a dictionary cuts 开发票 ("issue an invoice") as 开发|票 ("develop|ticket"), Chinese is indexed by
 * pairs of neighbouring characters as well. An answer counts only if enough of the question was understood.
 */
import MiniSearch from "minisearch";
import type { RobotConfig } from "./directory.ts";
import type { Knowledge, KnowledgeOf } from "./robot.ts";

/** Share of the question's terms that the found entry must explain. */
const minShare = 0.33;
const maxTerms = 64;
/** Making one takes longer than cutting a question. */
const segmenter = new Intl.Segmenter("zh", { granularity: "word" });
const han = /\p{Script=Han}/u;

/** Words that tell nothing about what is asked. */
const stopWords = new Set(
  (
    "a an and any are at be been but by can could did do does for from get got have has hello hey hi how i if in is it " +
    "its let like may me my need not of on or our please shall should so some sorry tell than thank thanks that the " +
    "their them there they this to too us want was we were what when where which who why will with would you your " +
    "i'm i'd i've it's can't don't what's " +
    "请问 怎么 怎样 如何 什么 吗 呢 吧 啊 的 了 是 在 我 你 您 我们 你们 他们 可以 能 能不能 想 我想 要 有 没有 一下 " +
    "怎么办 么办 是否 是不 不是 有没 这个 那个 请 多少 哪里 哪些 一个 么样 怎么样 你好 您好 谢谢 我要 我的 你的 的我 " +
    "时候 什么时候 么时"
  ).split(" "),
);

/** Builds each robot's index at its first question and keeps it as long as the configuration object lives. */
export function knowledgeBase(): KnowledgeOf {
  const built = new WeakMap<RobotConfig, Knowledge>();
  return (robot) => {
    const known = built.get(robot);
    if (known !== undefined) return known;
    const knowledge = indexOf(robot);
    built.set(robot, knowledge);
    return knowledge;
  };
}

/** The terms of a text: normalised NFKC lower case words without stop words, and pairs of Chinese characters. */
export function termsOf(text: string): string[] {
  const terms = new Set<string>();
  const add = (term: string): void => {
    if (!stopWords.has(term) && terms.size < maxTerms) terms.add(term);
  };
  let run = "";
  const endRun = (): void => {
    const characters = Array.from(run);
    if (characters.length === 1) add(run);
    for (let at = 1; at < characters.length; at++) add(`${characters[at - 1]}${characters[at]}`);
    run = "";
  };
  for (const { segment, isWordLike } of segmenter.segment(text.normalize("NFKC").toLowerCase())) {
    if (isWordLike === true && han.test(segment)) {
      // Function words end a run, so that no pair reaches across them.
      if (stopWords.has(segment)) endRun();
      else run += segment;
      continue;
    }
    endRun();
    if (isWordLike === true) add(stem(segment.replace(/['\u2019]s$/, "")));
  }
  endRun();
  return [...terms];
}

/** English plural and participle endings off; enough for questions, and never wrong in a way that a person sees. */
function stem(word: string): string {
  if (stopWords.has(word)) return word;
  if (word.length > 5 && word.endsWith("ing")) return word.slice(0, -3);
  if (word.length > 4 && word.endsWith("ed")) return word.slice(0, -2);
  return word.length > 3 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

function indexOf(robot: RobotConfig): Knowledge {
  const index = new MiniSearch<{ id: number; text: string }>({
    fields: ["text"],
    tokenize: termsOf,
    processTerm: (term) => term,
    searchOptions: {
      combineWith: "OR",
      fuzzy: (term) => (term.length > 4 && !han.test(term) ? 0.2 : false),
      prefix: (term) => term.length > 3 && !han.test(term),
    },
  });
  const answers: string[] = [];
  for (const { questions, answer } of robot.entries)
    for (const text of questions) {
      index.add({ id: answers.length, text });
      answers.push(answer);
    }
  return {
    answer(question) {
      const asked = termsOf(question);
      if (asked.length === 0) return undefined;
      const [best] = index.search(question, { tokenize: () => asked });
      if (best === undefined || best.queryTerms.length < asked.length * minShare) return undefined;
      return answers[best.id as number];
    },
  };
}
