package sheet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"coso/deploy/internal/client"
	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// batchRows is how many rows travel in one request. A service takes 500 and 256 KiB.
const batchRows = 250

// Order puts sheets into an order in which they can be loaded: what is referred to before what refers to it.
func Order(sheets []*Sheet) {
	slices.SortStableFunc(sheets, func(a, b *Sheet) int {
		return slices.Index(nouns, a.noun) - slices.Index(nouns, b.noun)
	})
}

// Check makes every row's request and answers the first error of each row that has one.
func (s *Sheet) Check() error {
	var errs []error
	for _, r := range s.Rows {
		if _, err := s.noun.request(r); err != nil {
			errs = append(errs, s.at(r, err))
		}
	}
	return errors.Join(errs...)
}

// Send creates the rows' resources. Nothing is sent if a row has an error of form. A batch takes effect whole or not at
// all; the first that is refused ends the sending, with an *Error that names the row. done is told how many rows are there.
func (s *Sheet) Send(ctx context.Context, c *client.Client, done func(rows int)) error {
	if err := s.Check(); err != nil {
		return err
	}
	rows := s.Rows
	if s.noun.order != nil {
		rows = s.noun.order(rows)
	}
	size := 1
	if s.noun.batch != nil {
		size = batchRows
	}
	for chunk := range slices.Chunk(rows, size) {
		if err := s.sendChunk(ctx, c, chunk); err != nil {
			return err
		}
		if done != nil {
			done(len(chunk))
		}
	}
	return nil
}

func (s *Sheet) sendChunk(ctx context.Context, c *client.Client, rows []Row) error {
	err := s.create(ctx, c, rows)
	if err != nil || s.noun.after == nil {
		return err
	}
	for _, r := range rows {
		if err := s.follow(ctx, c, r); err != nil {
			return s.at(r, err)
		}
	}
	return nil
}

// create creates the rows' resources. Where some are there already, the rows go one by one, and those that say what is
// there are done.
func (s *Sheet) create(ctx context.Context, c *client.Client, rows []Row) error {
	if s.noun.batch != nil {
		err := s.sendBatch(ctx, c, rows)
		if fault.ReasonOf(err) != faultpb.Reason_REASON_RESOURCE_EXISTS {
			return err
		}
	}
	for _, r := range rows {
		err := s.sendOne(ctx, c, r)
		if fault.ReasonOf(err) == faultpb.Reason_REASON_RESOURCE_EXISTS {
			err = s.alreadyThere(ctx, c, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// alreadyThere holds a row against the resource of its id; nil if the resource is what the row says.
func (s *Sheet) alreadyThere(ctx context.Context, c *client.Client, r Row) error {
	req, err := s.noun.request(r)
	if err != nil {
		return s.at(r, err)
	}
	m := req.ProtoReflect()
	want := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(s.noun.field))).Message()
	got := s.noun.resource.ProtoReflect().New()
	if err := c.Get(ctx, "/v1/"+name(s.noun.name, r.Cell("id")), nil, got.Interface()); err != nil {
		return s.at(r, err)
	}
	var other error
	want.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !holds(f, got.Get(f), v) {
			other = &columnError{
				column: string(f.Name()), value: r.Cell(string(f.Name())),
				err: fmt.Errorf("%s is there already and says otherwise; change it by an update, or give the row another id", name(s.noun.name, r.Cell("id"))),
			}
		}
		return other == nil
	})
	if other != nil {
		return s.at(r, other)
	}
	return nil
}

// holds says whether a stored field is what a row says; of a list of messages, whether it holds the row's.
func holds(f protoreflect.FieldDescriptor, stored, said protoreflect.Value) bool {
	if !f.IsList() || f.Kind() != protoreflect.MessageKind {
		return stored.Equal(said)
	}
	for i := range said.List().Len() {
		found := false
		for j := range stored.List().Len() {
			found = found || stored.List().Get(j).Equal(said.List().Get(i))
		}
		if !found {
			return false
		}
	}
	return true
}

// follow sends what follows the creation of a row, unless it is done.
func (s *Sheet) follow(ctx context.Context, c *client.Client, r Row) error {
	after, err := s.noun.after(r)
	if err != nil || after == nil {
		return err
	}
	now := s.noun.resource.ProtoReflect().New().Interface()
	if err := c.Get(ctx, "/v1/"+name(s.noun.name, r.Cell("id")), nil, now); err != nil {
		return err
	}
	if done, err := after.done(now); err != nil || done {
		return err
	}
	setRequestID(after.in, s.requestID("after", []Row{r}))
	return c.Post(ctx, after.path, nil, after.in, s.noun.resource.ProtoReflect().New().Interface())
}

func (s *Sheet) sendOne(ctx context.Context, c *client.Client, r Row) error {
	req, err := s.noun.request(r)
	if err != nil {
		return s.at(r, err)
	}
	m := req.ProtoReflect()
	body := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(s.noun.field))).Message().Interface()
	query := url.Values{"requestId": {s.requestID("create", []Row{r})}, s.noun.field + "Id": {r.Cell("id")}}
	if err := c.Post(ctx, "/v1/"+s.noun.name, query, body, s.noun.resource.ProtoReflect().New().Interface()); err != nil {
		return s.at(r, err)
	}
	return nil
}

func (s *Sheet) sendBatch(ctx context.Context, c *client.Client, rows []Row) error {
	batch := s.noun.batch.ProtoReflect().New()
	list := batch.Mutable(batch.Descriptor().Fields().ByName("requests")).List()
	for _, r := range rows {
		req, err := s.noun.request(r)
		if err != nil {
			return s.at(r, err)
		}
		list.Append(protoreflect.ValueOfMessage(req.ProtoReflect()))
	}
	in := batch.Interface()
	setRequestID(in, s.requestID("create", rows))
	err := c.Post(ctx, "/v1/"+s.noun.name+":batchCreate", nil, in, s.noun.created.ProtoReflect().New().Interface())
	if err == nil {
		return nil
	}
	if i, ok := rowOf(err); ok && i < len(rows) {
		return s.at(rows[i], err)
	}
	return &Error{File: s.File, Line: rows[0].Line, Err: fmt.Errorf("the %d rows from here on: %w", len(rows), err)}
}

func setRequestID(m proto.Message, id string) {
	r := m.ProtoReflect()
	r.Set(r.Descriptor().Fields().ByName("request_id"), protoreflect.ValueOfString(id))
}

// requestID is made from what the rows say, so that the same rows sent again take no second effect.
func (s *Sheet) requestID(act string, rows []Row) string {
	h := sha256.New()
	for _, part := range []string{s.noun.name, act} {
		_, _ = io.WriteString(h, part+"\n")
	}
	for _, r := range rows {
		for _, c := range s.noun.columns {
			_, _ = io.WriteString(h, strconv.Quote(r.Cell(c.name))+",")
		}
		_, _ = io.WriteString(h, "\n")
	}
	return "sheet-" + hex.EncodeToString(h.Sum(nil)[:16])
}

var inRequests = regexp.MustCompile(`^requests\[(\d+)\]\.?`)

// rowOf reads which request of a batch a refusal is about.
func rowOf(err error) (int, bool) {
	var f *fault.Error
	if !errors.As(err, &f) {
		return 0, false
	}
	m := inRequests.FindStringSubmatch(f.Field)
	if m == nil {
		return 0, false
	}
	i, err := strconv.Atoi(m[1])
	return i, err == nil
}

// at says where an error is: the row, and the column that the field stands for.
func (s *Sheet) at(r Row, err error) *Error {
	e := &Error{File: s.File, Line: r.Line, Err: err}
	var cell *columnError
	var f *fault.Error
	switch {
	case errors.As(err, &cell):
		e.Column, e.Value = cell.column, cell.value
	case errors.As(err, &f):
		field := inRequests.ReplaceAllString(f.Field, "")
		for _, c := range s.noun.columns {
			if last := field[strings.LastIndex(field, ".")+1:]; last == lowerCamel(c.name) {
				e.Column, e.Value = c.name, r.Cell(c.name)
			}
		}
	}
	return e
}

func lowerCamel(snake string) string {
	words := strings.Split(snake, "_")
	for i := 1; i < len(words); i++ {
		if words[i] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	return strings.Join(words, "")
}
