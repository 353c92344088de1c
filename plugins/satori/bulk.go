package satori

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
)

// MaxRows is the most data rows SATORI takes in one CSV.
const MaxRows = 10_000

// Upload starts a bulk job and returns the code by which Status asks for it.
// The rows are applied only when Status says so. Every row has a cell for each
// column of header, among them email and collection_route, which the bulk API
// requires even for updates. Errors are *Error, or ctx's own.
func (c *Client) Upload(ctx context.Context, v Verb, header []string, rows [][]string) (processCode string, err error) {
	if err := checkTable(header, rows); err != nil {
		return "", err
	}
	body, contentType, err := c.form(header, rows)
	if err != nil {
		return "", fmt.Errorf("satori: laying out the upload: %w", err)
	}
	a, err := c.do(ctx, kindUpload, http.MethodPost, "bulk_customers/"+string(v)+".json", contentType, body)
	if err != nil {
		return "", err
	}
	if err := c.judge(a, anyOK); err != nil {
		return "", err
	}
	if at := a.payload("process_code"); at != nil {
		processCode = text(at.Search("process_code").Data())
	}
	if processCode == "" {
		return "", &Error{Class: Transient, HTTP: a.http, Status: a.status, Said: "the upload's answer holds no process_code: " + c.said(a)}
	}
	return processCode, nil
}

func checkTable(header []string, rows [][]string) error {
	var why string
	switch {
	case len(header) == 0 || len(rows) == 0:
		why = "an upload needs a header and rows"
	case len(rows) > MaxRows:
		why = fmt.Sprintf("%d rows, SATORI takes %d in one request", len(rows), MaxRows)
	}
	for i, row := range rows {
		if why == "" && len(row) != len(header) {
			why = fmt.Sprintf("row %d has %d cells, the header %d", i, len(row), len(header))
		}
	}
	if why != "" {
		return &Error{Class: Invalid, Said: why}
	}
	return nil
}

func (c *Client) form(header []string, rows [][]string) (*bytes.Reader, string, error) {
	var buf bytes.Buffer
	buf.Grow(sizeOf(header, rows) + 2048)
	w := multipart.NewWriter(&buf)
	for _, p := range append(c.keys()[:4:4], param{"identity_type", identityType}) {
		if err := w.WriteField(p.name, p.value); err != nil {
			return nil, "", err
		}
	}
	file, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="customer_csv_file"; filename="customers.csv"`},
		"Content-Type":        {"text/csv"},
	})
	if err != nil {
		return nil, "", err
	}
	if err := writeCSV(file, header, rows); err != nil {
		return nil, "", err
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return bytes.NewReader(buf.Bytes()), w.FormDataContentType(), nil
}
