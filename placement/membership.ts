import type { Clock } from "../base/clock.ts";
import type { Member, NodeRun } from "./hosting.ts";
import { decodeRecord, nodeOfKey, type NodeRecord } from "./node-record.ts";
import { runKey } from "./shard-table.ts";
import type { PlacementTimings } from "./timings.ts";

/**
 * Who is there, and who has been silent for how long, as this node's own watch and own clock see it.
 *
 * Boundary: told of the changes under `node.*`; never reads a remote timestamp and decides nothing, it only says
 * which runs are to be declared dead.
 * Invariants: silence counts only while the own beat echoes back fresh, and after a gap all waiting starts anew, so
 * that NATS coming back kills nobody. A missing key is no evidence of anything but silence. A death that the table
 * holds is final for that run. A run that another one replaced never comes back, whatever an older bucket says, and an
 * older bucket takes nobody's place: only beats under our eyes do.
 */

/** Asks whether anybody listens on the node's subject; bounded by whoever gives it. */
export type Probe = (node: string) => Promise<"answered" | "no-responders" | "silent">;

/** What membership needs from outside. */
export interface MembershipPorts {
  readonly clock: Clock;
  readonly timings: PlacementTimings;
  readonly probe: Probe;
  /** The set of members, or what one of them says about itself, changed. */
  readonly onChange: () => void;
}

interface Seen {
  readonly record: NodeRecord;
  /** Incarnations that this one came after, the newest last. */
  readonly past: readonly string[];
  /** A record of another run that an older bucket may have brought back: believed once it beats. */
  doubted: NodeRecord | undefined;
  /** When its key last changed under our eyes. */
  readonly changedAt: number;
  probing: boolean;
  probedAt: number;
  /** When a probe found nobody, if no beat came since. */
  unansweredAt: number | undefined;
}

/** A run to be declared dead, and what gave it away. */
export interface Departure {
  readonly run: NodeRun;
  readonly reason: "silent" | "crashed" | "replaced" | "left";
}

const rememberedBeats = 16;
const rememberedRuns = 8;
/** From this many members on, the silence of more than a third doubles the waiting. */
const massSize = 4;
const massShare = 1 / 3;
const massFactor = 2;

/** See the file's head. */
export class Membership {
  private readonly ports: MembershipPorts;
  private readonly seen = new Map<string, Seen>();
  /** Owners in the table that have no key, or whose node's key shows another run, and since when they were missed. */
  private readonly missed = new Map<string, number>();
  private readonly sent = new Map<string, number>();
  private dead: ReadonlySet<string> = new Set();
  private current: ReadonlyMap<string, Member> = new Map();
  private echoedAt = Number.NEGATIVE_INFINITY;
  private waitingSince = Number.POSITIVE_INFINITY;
  private self: NodeRun;

  constructor(ports: MembershipPorts, self: NodeRun) {
    this.ports = ports;
    this.self = self;
  }

  /** This node goes on as another run. */
  become(self: NodeRun): void {
    this.self = self;
    this.refresh();
  }

  /** An own beat is being sent; its echo will be recognised. */
  beatSent(incarnation: string, beat: number): void {
    this.sent.set(`${incarnation}/${beat}`, this.ports.clock.now());
    for (const key of this.sent.keys()) {
      if (this.sent.size <= rememberedBeats) break;
      this.sent.delete(key);
    }
  }

  /** A change under any key, as a watch or a listing tells it. */
  observe(key: string, value: string | undefined): void {
    const node = nodeOfKey(key);
    if (node === undefined) return;
    if (value === undefined) this.keyGone(node);
    else {
      const record = decodeRecord(node, value);
      if (record !== undefined) this.recordSeen(record);
    }
  }

  /** The runs that the table holds for dead. */
  bury(dead: readonly string[]): void {
    if (dead.length === this.dead.size && dead.every((run) => this.dead.has(run))) return;
    this.dead = new Set(dead);
    this.refresh();
  }

  /** Runs that are up or draining, by node id: silent ones too, until they are declared dead. */
  members(): ReadonlyMap<string, Member> {
    return this.current;
  }

  /** Whether the run is known to be over for good: the table holds it for dead, or another one came after it. */
  over(run: NodeRun): boolean {
    return this.dead.has(runKey(run)) || this.seen.get(run.node)?.past.includes(run.incarnation) === true;
  }

  /** Whether the own beat echoes back fresh: only then anything may be concluded. */
  seeing(): boolean {
    return this.ports.clock.now() - this.echoedAt <= this.ports.timings.echoFreshMs;
  }

  /** When the newest own beat that came back had been sent. */
  lastEchoAt(): number {
    return this.echoedAt;
  }

  /** Since when silence counts: the end of the last gap in the own view. Infinity before the first echo. */
  seeingSince(): number {
    return this.waitingSince;
  }

  /** Members that are not silent, sorted by node id: they rank, and they may be given shards. */
  living(): readonly NodeRecord[] {
    const { crashMs } = this.ports.timings;
    return [...this.current.keys()]
      .map((node) => this.seen.get(node))
      .filter((seen): seen is Seen => seen !== undefined)
      .filter(
        (seen) =>
          runKey(seen.record) === runKey(this.self) ||
          (this.silence(seen) < crashMs && seen.unansweredAt === undefined),
      )
      .map((seen) => seen.record)
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  /** Milliseconds of silence that count, of a node with a key. */
  silenceOf(node: string): number | undefined {
    const seen = this.seen.get(node);
    return seen === undefined ? undefined : this.silence(seen);
  }

  /**
   * The runs that are to be declared dead now, given the runs that the table names. Starts probes of silent nodes.
   * Empty while this node cannot see.
   */
  departures(named: Iterable<NodeRun>): readonly Departure[] {
    if (!this.seeing()) return [];
    const found = new Map<string, Departure>();
    const factor = this.massSilence() ? massFactor : 1;
    const { deathMs, crashMs } = this.ports.timings;
    for (const seen of this.seen.values()) {
      const run = { node: seen.record.node, incarnation: seen.record.incarnation };
      if (!this.isMember(seen.record) || runKey(run) === runKey(this.self)) continue;
      const silence = this.silence(seen);
      if (silence >= deathMs * factor) found.set(runKey(run), { run, reason: "silent" });
      else if (silence >= crashMs * factor) {
        if (seen.unansweredAt !== undefined) found.set(runKey(run), { run, reason: "crashed" });
        else this.startProbe(seen);
      }
    }
    const stillMissed = new Set<string>();
    for (const run of named) {
      const key = runKey(run);
      if (this.dead.has(key) || found.has(key)) continue;
      const departure = this.departureOf(run, factor, stillMissed);
      if (departure !== undefined) found.set(key, departure);
    }
    for (const key of this.missed.keys()) if (!stillMissed.has(key)) this.missed.delete(key);
    return [...found.values()];
  }

  /** Keys of dead or departed runs that nobody has touched for `sweepMs`. */
  sweepable(): readonly string[] {
    if (!this.seeing()) return [];
    return [...this.seen.values()]
      .filter((seen) => !this.isMember(seen.record) && this.silence(seen) >= this.ports.timings.sweepMs)
      .map((seen) => seen.record.node);
  }

  private departureOf(run: NodeRun, factor: number, stillMissed: Set<string>): Departure | undefined {
    const key = runKey(run);
    if (key === runKey(this.self)) return undefined;
    const record = this.seen.get(run.node)?.record;
    if (record?.incarnation === run.incarnation)
      return record.state === "left" ? { run, reason: "left" } : undefined;
    // This process has taken its id's key over from whoever had it before.
    const byUs = record !== undefined && runKey(record) === runKey(this.self);
    if (byUs || this.over(run)) return { run, reason: "replaced" };
    stillMissed.add(key);
    const { deathMs, crashMs } = this.ports.timings;
    const now = this.ports.clock.now();
    const since = Math.max(this.missed.get(key) ?? now, this.waitingSince);
    this.missed.set(key, since);
    if (record === undefined) return now - since >= deathMs * factor ? { run, reason: "silent" } : undefined;
    // Our watch may be behind the table, until a beat that was sent since then has come back through it.
    const upToDate = this.echoedAt > since;
    return upToDate && now - since >= crashMs * factor ? { run, reason: "replaced" } : undefined;
  }

  private silence(seen: Seen): number {
    return Math.max(0, this.ports.clock.now() - Math.max(seen.changedAt, this.waitingSince));
  }

  private massSilence(): boolean {
    const total = this.current.size;
    if (total < massSize) return false;
    let silent = 0;
    for (const node of this.current.keys()) {
      const seen = this.seen.get(node);
      if (seen !== undefined && this.silence(seen) >= this.ports.timings.crashMs) silent += 1;
    }
    return silent > total * massShare;
  }

  private startProbe(seen: Seen): void {
    const { clock, timings, probe } = this.ports;
    if (seen.probing || clock.now() - seen.probedAt < timings.probeMs) return;
    seen.probing = true;
    const asked = seen.changedAt;
    const settle = (answer: Awaited<ReturnType<Probe>>): void => {
      seen.probing = false;
      seen.probedAt = clock.now();
      if (answer !== "no-responders" || seen.changedAt !== asked || !this.seeing()) return;
      seen.unansweredAt = clock.now();
      this.ports.onChange();
    };
    probe(seen.record.node).then(settle, () => settle("silent"));
  }

  private recordSeen(record: NodeRecord): void {
    const now = this.ports.clock.now();
    const known = this.seen.get(record.node);
    const believed = known === undefined || believes(known, record);
    const changed =
      believed &&
      (known === undefined ||
        known.record.incarnation !== record.incarnation ||
        known.record.beat !== record.beat ||
        known.record.state !== record.state);
    if (changed) {
      this.seen.set(record.node, {
        record,
        past: pastOf(known, record),
        doubted: undefined,
        changedAt: now,
        probing: false,
        probedAt: Number.NEGATIVE_INFINITY,
        unansweredAt: undefined,
      });
    }
    if (record.node === this.self.node) this.echoSeen(record, now);
    if (changed && (known === undefined || !sameMember(known.record, record))) this.refresh();
  }

  private echoSeen(record: NodeRecord, now: number): void {
    const sentAt = this.sent.get(`${record.incarnation}/${record.beat}`);
    if (sentAt === undefined || sentAt <= this.echoedAt) return;
    const first = !Number.isFinite(this.waitingSince);
    if (first || sentAt - this.echoedAt > this.ports.timings.echoFreshMs) {
      this.waitingSince = now;
      for (const seen of this.seen.values()) seen.unansweredAt = undefined;
    }
    this.echoedAt = sentAt;
    if (first) this.ports.onChange();
  }

  private keyGone(node: string): void {
    const seen = this.seen.get(node);
    if (seen === undefined || this.isMember(seen.record)) return;
    this.seen.delete(node);
  }

  private isMember(record: NodeRecord): boolean {
    return record.state !== "left" && !this.dead.has(runKey(record));
  }

  private refresh(): void {
    const next = new Map<string, Member>();
    for (const { record } of this.seen.values()) {
      if (!this.isMember(record) || record.state === "left") continue;
      const { beat: _beat, life: _life, ...member } = record;
      next.set(record.node, { ...member, state: record.state });
    }
    this.current = next;
    this.ports.onChange();
  }
}

/**
 * Whether the record is what the node's key says now. A run that another one replaced, or one of an earlier life, has
 * mostly come back with an older bucket, and is believed only if it beats: two runs may also go by one id, or the later one
 * was born while the bucket was empty.
 */
function believes(known: Seen, record: NodeRecord): boolean {
  const { incarnation, life } = known.record;
  if (record.incarnation === incarnation) return true;
  if (record.life >= life && !known.past.includes(record.incarnation)) return true;
  const { doubted } = known;
  if (doubted?.incarnation === record.incarnation && record.beat > doubted.beat) return true;
  known.doubted = record;
  return false;
}

function pastOf(known: Seen | undefined, record: NodeRecord): readonly string[] {
  if (known === undefined) return [];
  if (known.record.incarnation === record.incarnation) return known.past;
  const before = known.past.filter((incarnation) => incarnation !== record.incarnation);
  return [...before, known.record.incarnation].slice(-rememberedRuns);
}

function sameMember(a: NodeRecord, b: NodeRecord): boolean {
  return (
    a.incarnation === b.incarnation &&
    a.state === b.state &&
    a.url === b.url &&
    a.version === b.version &&
    a.zone === b.zone &&
    a.lane === b.lane &&
    a.capacity === b.capacity
  );
}
