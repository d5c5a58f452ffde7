/**
 * The actions of SQS that the pipeline uses, in the shapes and names of the SQS API reference
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html).
 */

export interface DeleteEntry {
  /** Unique within the request. */
  readonly Id: string;
  readonly ReceiptHandle: string;
}

export interface VisibilityEntry extends DeleteEntry {
  /** Seconds from now, 0 to 43,200. */
  readonly VisibilityTimeout: number;
}

export interface ActionInputs {
  readonly GetQueueUrl: { readonly QueueName: string; readonly QueueOwnerAWSAccountId?: string };
  readonly GetQueueAttributes: { readonly QueueUrl: string; readonly AttributeNames: readonly string[] };
  readonly ReceiveMessage: {
    readonly QueueUrl: string;
    readonly MaxNumberOfMessages: number;
    readonly WaitTimeSeconds: number;
    readonly VisibilityTimeout: number;
    readonly MessageSystemAttributeNames: readonly string[];
    /** The older name of `MessageSystemAttributeNames`: servers from before 2024 know no other. */
    readonly AttributeNames: readonly string[];
    readonly MessageAttributeNames?: readonly string[];
  };
  readonly DeleteMessageBatch: { readonly QueueUrl: string; readonly Entries: readonly DeleteEntry[] };
  readonly ChangeMessageVisibilityBatch: { readonly QueueUrl: string; readonly Entries: readonly VisibilityEntry[] };
}

export interface SqsMessage {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  /** Lower-case hex MD5 of the body's UTF-8 bytes. */
  readonly MD5OfBody: string;
  readonly Body: string;
  /** null is what some emulators send for an attribute that the message does not have. */
  readonly Attributes: Readonly<Record<string, string | null>>;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue?: string }>>;
}

/** One entry of a batch that SQS did not do. */
export interface BatchFailure {
  readonly Id: string;
  readonly Code: string;
  readonly SenderFault: boolean;
}

/** An entry that is in neither list was not answered: done or not, nobody knows. */
export interface BatchOutput {
  readonly Successful: readonly { readonly Id: string }[];
  readonly Failed: readonly BatchFailure[];
}

export interface ActionOutputs {
  readonly GetQueueUrl: { readonly QueueUrl: string };
  readonly GetQueueAttributes: { readonly Attributes: Readonly<Record<string, string | null>> };
  readonly ReceiveMessage: { readonly Messages: readonly SqsMessage[] };
  readonly DeleteMessageBatch: BatchOutput;
  readonly ChangeMessageVisibilityBatch: BatchOutput;
}

export type SqsAction = keyof ActionInputs;

/** Carries out actions: the client over HTTP, or a model of SQS. */
export interface SqsCaller {
  /**
   * @throws PiipeError when the request failed for good, `retryable` when calling again later may help. When `signal`
   * fired, at once, and anything.
   */
  call<A extends SqsAction>(action: A, input: ActionInputs[A], signal: AbortSignal): Promise<ActionOutputs[A]>;
}

/** Entries in one batch, messages in one receive: SQS takes no more. */
export const BATCH_ENTRIES_MAX = 10;
/** The longest that a message can stay invisible, counted from its receive: SQS's 12 hours. */
export const VISIBILITY_SECONDS_MAX = 43_200;

/** The IAM permission that an action needs: a batch needs that of its single form. */
export const IAM_ACTIONS: { readonly [A in SqsAction]: string } = {
  GetQueueUrl: "sqs:GetQueueUrl",
  GetQueueAttributes: "sqs:GetQueueAttributes",
  ReceiveMessage: "sqs:ReceiveMessage",
  DeleteMessageBatch: "sqs:DeleteMessage",
  ChangeMessageVisibilityBatch: "sqs:ChangeMessageVisibility",
};
