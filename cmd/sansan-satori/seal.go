package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"filippo.io/age"
	"github.com/urfave/cli/v2"

	"sansansatori/plugins/sealing"
)

const identityFlag = "identity"

// identity is the flag of the commands that read sealed files.
func identity() cli.Flag {
	return &cli.StringFlag{Name: identityFlag, EnvVars: []string{"SEAL_IDENTITY"}, Usage: "`FILE` of the secret key that opens sealed lines"}
}

func keysOf(c *cli.Context) (sealing.Keys, error) {
	keys, err := sealing.ReadKeys(c.String(identityFlag))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", identityFlag, err)
	}
	return keys, nil
}

// sealCommand makes keys for the processor seal, and opens what it has sealed.
func sealCommand() *cli.Command {
	return &cli.Command{
		Name:  "seal",
		Usage: "Keys for sealed journals and dead letters (the processor `seal`)",
		Subcommands: []*cli.Command{
			{
				Name:   "keygen",
				Usage:  "write a new secret key into a file, and print its public key",
				Flags:  []cli.Flag{&cli.StringFlag{Name: "to", Required: true, Usage: "a `FILE` that does not exist yet"}},
				Action: keygen,
			},
			{
				Name:      "open",
				Usage:     "print files, or standard input, with their sealed lines opened",
				ArgsUsage: "[FILES]",
				Flags:     []cli.Flag{identity()},
				Action:    openSealed,
			},
		},
	}
}

func keygen(c *cli.Context) (err error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	file, err := os.OpenFile(c.String("to"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = fmt.Fprintf(file, "# created: %s\n# public key: %s\n%s\n", time.Now().Format(time.RFC3339), key.Recipient(), key)
	if err == nil {
		fmt.Fprintln(c.App.Writer, key.Recipient())
	}
	return err
}

func openSealed(c *cli.Context) error {
	keys, err := keysOf(c)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return errors.New("seal open: name the file of the secret key by --identity")
	}
	files := c.Args().Slice()
	if len(files) == 0 {
		_, err := io.Copy(c.App.Writer, keys.Lines(os.Stdin))
		return err
	}
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("seal open: %w", err)
		}
		_, err = io.Copy(c.App.Writer, keys.Lines(file))
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("seal open: %w", err)
		}
	}
	return nil
}
