// Reads a whole log and prints the hash of each entry: walk POLICY URL. All judgement is torchwood's.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	refuse(err)
	policy, err := torchwood.ParsePolicy(text)
	refuse(err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.RegisterProtocol("file", http.NewFileTransport(http.Dir("/")))
	web := torchwood.WithHTTPClient(&http.Client{Transport: transport})
	tiles, err := torchwood.NewTileFetcher(os.Args[2], web, torchwood.WithConcurrencyLimit(4))
	refuse(err)
	signed, err := tiles.ReadEndpoint(context.Background(), "checkpoint")
	refuse(err)
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
	refuse(err)
	client, err := torchwood.NewClient(tiles)
	refuse(err)
	for _, entry := range client.AllEntries(context.Background(), checkpoint.Tree, 0) {
		fmt.Println(tlog.RecordHash(entry))
	}
	refuse(client.Err())
}

func refuse(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
