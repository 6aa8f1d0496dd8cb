/**
 * Every bound of the protocol. Times in milliseconds, sizes in bytes of UTF-8 unless the name says otherwise.
 * `hello` and `welcome` tell a client those it has to keep.
 */
export const limits = {
  /** The WebSocket subprotocol of this version. */
  subprotocol: "usher.v1.json",
  /** One frame, either direction from a client; a larger one closes the connection with 4004. */
  maxFrameBytes: 64 * 1024,
  /** One message text, in characters (the server counts code points, the SDK UTF-16 code units, which are no fewer). */
  maxTextUnits: 16_000,
  /** A title, a file's name, one quick reply; counted alike. */
  maxNameUnits: 256,
  /** The address of an attachment or a card; counted alike. */
  maxUrlUnits: 2048,
  /** The media type of an attachment; counted alike. */
  maxMimeUnits: 128,
  /** The comment of a rating; counted alike. */
  maxCommentUnits: 2000,
  /** Quick replies of one message. */
  maxQuickOptions: 20,
  /** A token. */
  maxTokenUnits: 4096,
  /** A command's `meta`, as JSON. */
  maxMetaBytes: 4096,
  /** Time from the upgrade to a valid `auth`. */
  authMs: 10_000,
  /** A connection that sent nothing for three of these is closed. */
  heartbeatMs: 25_000,
  /** Heartbeats missed before the close. */
  heartbeatMisses: 3,
  /** Commands of one producer that may be unanswered at a time. */
  maxInFlight: 32,
  /** Answers the server remembers per producer and target. */
  rememberedAnswers: 32,
  /** Life of a producer row after its last command; clients stop trusting theirs an hour earlier. */
  producerTtlMs: 24 * 3600_000,
  /** Age of an own unacknowledged command from which a client must sync before it resends. */
  producerTrustMs: 23 * 3600_000,
  /** One page of a sync. */
  maxPageEvents: 300,
  /** One page of a sync. */
  maxPageBytes: 256 * 1024,
  /** Deliveries after which a client acknowledges without waiting for its next frame. */
  dackEvents: 64,
  /** Bytes of deliveries after which a client acknowledges without waiting for its next frame. */
  dackBytes: 64 * 1024,
  /** Age of the oldest unacknowledged delivery at which a client acknowledges without waiting for its next frame. */
  dackMs: 3_000,
  /** Deliveries that may be unacknowledged per connection and conversation. */
  maxUnackedEvents: 256,
  /** Outgoing bytes waiting on one connection above which typing and presence are dropped. */
  dropEphemeraBytes: 256 * 1024,
  /** Outgoing bytes waiting on one connection above which it is closed with 4103. */
  closeSlowBytes: 1024 * 1024,
  /** Sustained commands a second per connection. */
  commandsPerSecond: 20,
  /** Commands that may come at once on top of the sustained rate. */
  commandBurst: 64,
  /** Conversations that one connection may follow. */
  maxFollowed: 512,
  /** Members that one `create` may name. */
  maxInvited: 200,
  /** Time within which every command is answered, if only with BUSY. */
  commandMs: 5_000,
} as const;
