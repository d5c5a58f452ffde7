import { Duration } from "aws-cdk-lib";
import type { IConnectable, IVpc, SubnetSelection } from "aws-cdk-lib/aws-ec2";
import { Port } from "aws-cdk-lib/aws-ec2";
import { Architecture, type Code, Function, Runtime } from "aws-cdk-lib/aws-lambda";
import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import { LogGroup, RetentionDays } from "aws-cdk-lib/aws-logs";
import type { ISecret } from "aws-cdk-lib/aws-secretsmanager";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

export interface PiipeFunctionProps {
  /** Of `npm run package:lambda`: `Code.fromAsset("piipe-lambda.zip")`. Its piipe.yaml names the queue. */
  readonly code: Code;
  /** As piipe.yaml has it: a name that ends in `.fifo` makes a FIFO queue. */
  readonly queueName: string;
  readonly vpc: IVpc;
  /** From which the database and AWS Secrets Manager can be reached. Default: private ones with a way out. */
  readonly vpcSubnets?: SubnetSelection;
  readonly database: IConnectable;
  /** Default: 5432. */
  readonly databasePort?: number;
  /** A secret whose text is the database's URL: `postgres://user:password@host:5432/database`. */
  readonly databaseUrl: ISecret;
  /** A secret whose text is the keyring, as `piipe keys new` makes it. */
  readonly keyring: ISecret;
  /** 1 to 10,000, of a FIFO queue to 10. Default: 1,000, or 10. */
  readonly batchSize?: number;
  /** How long messages are gathered, up to 5 minutes. Default: 1 s; of a FIFO queue there is none. */
  readonly batchWindow?: Duration;
  /** Environments at once, each with one connection to the database: 2 to 1,000. Default: 10. */
  readonly maxConcurrency?: number;
  /** Of an invocation, up to 15 minutes. Default: 60 s. */
  readonly timeout?: Duration;
}

/** As AWS asks for: a batch that is tried again must not come to another environment meanwhile. */
const VISIBILITY_TIMEOUTS = 6;

/** piipe as a function of AWS Lambda, with its queue and dead-letter queue. docs/lambda.md says what each setting is for. */
export class PiipeFunction extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;
  readonly function: Function;

  constructor(scope: Construct, id: string, props: PiipeFunctionProps) {
    super(scope, id);
    const isFifo = props.queueName.endsWith(".fifo");
    const { batchSize = isFifo ? 10 : 1_000, maxConcurrency = 10, timeout = Duration.seconds(60) } = props;
    const batchWindow = props.batchWindow ?? (isFifo || batchSize <= 10 ? undefined : Duration.seconds(1));
    checkLimits({ isFifo, batchSize, batchWindow, maxConcurrency });

    const fifo = isFifo ? { fifo: true } : {};
    this.deadLetterQueue = new Queue(this, "DeadLetterQueue", {
      queueName: props.queueName.replace(/(?:\.fifo)?$/, (end) => `-dead-letters${end}`),
      ...fifo,
      // Longer than the queue's: in a standard queue a message keeps its age when it moves.
      retentionPeriod: Duration.days(14),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
    });
    this.queue = new Queue(this, "Queue", {
      queueName: props.queueName,
      ...fifo,
      visibilityTimeout: Duration.seconds(VISIBILITY_TIMEOUTS * timeout.toSeconds() + (batchWindow?.toSeconds() ?? 0)),
      retentionPeriod: Duration.days(7),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: 10 },
    });
    this.function = new Function(this, "Function", {
      code: props.code,
      handler: "index.handler",
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: 512,
      timeout,
      vpc: props.vpc,
      ...(props.vpcSubnets && { vpcSubnets: props.vpcSubnets }),
      environment: {
        DATABASE_URL_SECRET_ARN: props.databaseUrl.secretArn,
        PIIPE_KEYS_SECRET_ARN: props.keyring.secretArn,
      },
      logGroup: new LogGroup(this, "Logs", { retention: RetentionDays.ONE_MONTH }),
    });
    this.function.connections.allowTo(props.database, Port.tcp(props.databasePort ?? 5432), "PostgreSQL");
    for (const secret of [props.databaseUrl, props.keyring]) secret.grantRead(this.function);
    this.function.addEventSource(
      new SqsEventSource(this.queue, {
        // Without it, what the function asks for again is deleted.
        reportBatchItemFailures: true,
        batchSize,
        ...(batchWindow && { maxBatchingWindow: batchWindow }),
        // No reserved concurrency in its place, and no filters: both lose good messages from the queue.
        maxConcurrency,
      }),
    );
  }
}

interface Limits {
  readonly isFifo: boolean;
  readonly batchSize: number;
  readonly batchWindow: Duration | undefined;
  readonly maxConcurrency: number;
}

/** What AWS would refuse when it is deployed, or worse, would not. */
function checkLimits({ isFifo, batchSize, batchWindow, maxConcurrency }: Limits): void {
  if (maxConcurrency < 2 || maxConcurrency > 1_000) throw new RangeError("maxConcurrency must be 2 to 1,000");
  if (isFifo && batchSize > 10) throw new RangeError("batchSize of a FIFO queue must be 10 at most");
  if (isFifo && batchWindow !== undefined) throw new RangeError("a FIFO queue has no batchWindow");
  if (batchSize > 10 && (batchWindow?.toSeconds() ?? 0) < 1)
    throw new RangeError("batchSize above 10 needs a batchWindow");
}
