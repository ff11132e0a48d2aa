/* Prints what the client of stubs.x, made by Debian's rpcgen, passes to each procedure: its name and a value, a tab, and bytes
 * in hexadecimal. */
#include <stdio.h>
#include <string.h>
#include "stubs.h"

static const char *calls;

/* Instead of a call: writes down its arguments. */
static enum clnt_stat print(CLIENT *client, rpcproc_t procedure, xdrproc_t code, void *arguments, xdrproc_t results_code,
			    void *results, struct timeval patience)
{
	char bytes[256];
	XDR xdr;

	(void) client, (void) procedure, (void) results_code, (void) results, (void) patience;
	xdrmem_create(&xdr, bytes, sizeof bytes, XDR_ENCODE);
	printf("%s\t", calls);
	if (!code(&xdr, arguments)) {
		puts("refused");
		return RPC_CANTENCODEARGS;
	}
	for (u_int at = 0; at < xdr_getpos(&xdr); at++)
		printf("%02x", (unsigned char) bytes[at]);
	puts("");
	return RPC_SUCCESS;
}

/* What a long of all ones in four bytes is in memory, in hexadecimal. */
static void print_long(void)
{
	char ones[4] = { -1, -1, -1, -1 };
	long number = 0;
	XDR xdr;

	xdrmem_create(&xdr, ones, sizeof ones, XDR_DECODE);
	xdr_long(&xdr, &number);
	printf("a long of ffffffff is %lx\n", number);
}

int main(void)
{
	static struct clnt_ops ops = { .cl_call = print };
	CLIENT client = { .cl_ops = &ops };
	char *three = "abc", *four = "abcd";
	pair both = { 1, 2 };
	long large = 0x1122334455667788, negative = -1;
	int five = 5;

	calls = "TEXT abc", text_1(&three, &client);
	calls = "TEXT abcd", text_1(&four, &client);
	calls = "FREE abcd", free_1(&four, &client);
	calls = "POINTER {1,2}", pointer_1(&both, &client);
	calls = "INTEGER 5", integer_1(&five, &client);
	calls = "LONG 0x1122334455667788", long_1(&large, &client);
	calls = "LONG -1", long_1(&negative, &client);
	calls = "PLAIN {1,2}", plain_1(&both, &client);
	print_long();
	return 0;
}
