// The program that a good engineer writes when a script is too slow: AWS's SDK, eight receivers, two writers that COPY 500
// rows each, two HMACs. What comes twice is stored twice, and a bad event stops it.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	receivers = 8
	writers   = 2
	batchRows = 500
	linger    = 50 * time.Millisecond
	// Short, so that the receivers end soon after the last message.
	waitSeconds = 1
	deleteMax   = 10
)

var columns = []string{
	"user_id", "device_type", "masked_ip", "masked_device_id", "locale", "app_version", "create_date",
}

type event struct {
	UserID     string  `json:"user_id"`
	DeviceType string  `json:"device_type"`
	IP         string  `json:"ip"`
	DeviceID   string  `json:"device_id"`
	Locale     *string `json:"locale"`
	AppVersion string  `json:"app_version"`
}

type received struct {
	row    []any
	handle *string
}

type pipeline struct {
	queue    *sqs.Client
	pool     *pgxpool.Pool
	queueURL string
	key      []byte
	left     atomic.Int64
}

func main() {
	ctx := context.Background()
	settings := must(config.LoadDefaultConfig(ctx))
	p := &pipeline{
		queue:    sqs.NewFromConfig(settings),
		pool:     must(pgxpool.New(ctx, os.Getenv("DATABASE_URL"))),
		queueURL: os.Getenv("QUEUE_URL"),
		key:      must(base64.StdEncoding.DecodeString(os.Getenv("HMAC_KEY"))),
	}
	defer p.pool.Close()
	p.left.Store(must(strconv.ParseInt(os.Getenv("MESSAGES"), 10, 64)))

	messages := make(chan received, batchRows)
	var receiving, writing sync.WaitGroup
	for range receivers {
		receiving.Go(func() { p.receive(ctx, messages) })
	}
	for range writers {
		writing.Go(func() { p.write(ctx, messages) })
	}
	receiving.Wait()
	close(messages)
	writing.Wait()
}

func (p *pipeline) receive(ctx context.Context, messages chan<- received) {
	for p.left.Load() > 0 {
		reply := must(p.queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:                    &p.queueURL,
			MaxNumberOfMessages:         10,
			WaitTimeSeconds:             waitSeconds,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
		}))
		for _, message := range reply.Messages {
			messages <- received{row: p.rowOf(message), handle: message.ReceiptHandle}
		}
	}
}

func (p *pipeline) rowOf(message types.Message) []any {
	var e event
	check(json.Unmarshal([]byte(*message.Body), &e))
	version := must(strconv.Atoi(strings.ReplaceAll(e.AppVersion, ".", "")))
	sentMs := must(strconv.ParseInt(message.Attributes["SentTimestamp"], 10, 64))
	return []any{
		e.UserID, e.DeviceType, p.token(e.IP), p.token(e.DeviceID), e.Locale, int32(version), time.UnixMilli(sentMs).UTC(),
	}
}

func (p *pipeline) token(value string) string {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(value))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (p *pipeline) write(ctx context.Context, messages <-chan received) {
	batch := make([]received, 0, batchRows)
	timer := time.NewTimer(linger)
	for {
		select {
		case message, isOpen := <-messages:
			if !isOpen {
				p.store(ctx, batch)
				return
			}
			batch = append(batch, message)
			if len(batch) < batchRows {
				continue
			}
		case <-timer.C:
		}
		p.store(ctx, batch)
		batch = batch[:0]
		timer.Reset(linger)
	}
}

func (p *pipeline) store(ctx context.Context, batch []received) {
	if len(batch) == 0 {
		return
	}
	must(p.pool.CopyFrom(ctx, pgx.Identifier{"user_logins"}, columns,
		pgx.CopyFromSlice(len(batch), func(index int) ([]any, error) { return batch[index].row, nil })))
	var deleting sync.WaitGroup
	for start := 0; start < len(batch); start += deleteMax {
		some := batch[start:min(start+deleteMax, len(batch))]
		deleting.Go(func() { p.remove(ctx, some) })
	}
	deleting.Wait()
	p.left.Add(-int64(len(batch)))
}

func (p *pipeline) remove(ctx context.Context, batch []received) {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(batch))
	for index, message := range batch {
		entries[index] = types.DeleteMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(index)), ReceiptHandle: message.handle,
		}
	}
	reply := must(p.queue.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &p.queueURL, Entries: entries}))
	if len(reply.Failed) > 0 {
		log.Fatalf("SQS did not delete %d messages", len(reply.Failed))
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
