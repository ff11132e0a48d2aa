/* Decodes and encodes values with C that Debian's rpcgen made. Standard input holds requests: the number of a type, the
 * length of its bytes, and those. For each, standard output gets whether they are a value (1) or not (0), how many of them it
 * took, the length of what it becomes when it is encoded again, and that. All numbers are words of this machine.
 * The number FLUSH asks for the answers so far. */
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <sys/resource.h>

/* Names the header of the types, and defines CASES: for each type its size and its function. */
#include "cases.h"

static const struct { size_t size; xdrproc_t code; } peer_cases[] = { CASES };

/* More than any value of the tests needs; what wants more is refused, as it would be on a smaller machine. */
#define MEMORY (128u << 20)

#define FLUSH UINT32_MAX

static void peer_answer(uint32_t verdict, uint32_t taken, const char *bytes, uint32_t length)
{
	uint32_t head[3] = { verdict, taken, length };

	fwrite(head, sizeof head, 1, stdout);
	fwrite(bytes, 1, length, stdout);
}

/* A value encoded again is never longer than the bytes that it was. */
static void peer_exchange(size_t size, xdrproc_t code, char *bytes, uint32_t length)
{
	void *value = calloc(1, size + 1);
	char *again = calloc(1, length + 4);
	uint32_t taken;
	XDR xdr;

	xdrmem_create(&xdr, bytes, length, XDR_DECODE);
	if (!code(&xdr, value)) {
		peer_answer(0, 0, NULL, 0);
	} else {
		taken = xdr_getpos(&xdr);
		xdrmem_create(&xdr, again, length + 4, XDR_ENCODE);
		if (code(&xdr, value))
			peer_answer(1, taken, again, xdr_getpos(&xdr));
		else
			peer_answer(0, taken, NULL, 0);
	}
	xdr_free(code, value);
	free(again);
	free(value);
}

int main(void)
{
	struct rlimit memory = { MEMORY, MEMORY };
	uint32_t head[2];

	setrlimit(RLIMIT_AS, &memory);
	while (fread(head, sizeof head, 1, stdin) == 1) {
		char *bytes;

		if (head[0] == FLUSH) {
			fflush(stdout);
			continue;
		}
		bytes = malloc(head[1] + 1);
		if (fread(bytes, 1, head[1], stdin) != head[1])
			return 1;
		peer_exchange(peer_cases[head[0]].size, peer_cases[head[0]].code, bytes, head[1]);
		free(bytes);
	}
	return 0;
}
