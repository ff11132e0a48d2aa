/*
 * client.c: calls the hello service of hello.x through libtirpc and rpcbind.
 *
 *     hello_client NETID HOST CALL [ARGUMENT...]
 *
 * NETID is a transport of /etc/netconfig (udp, tcp, udp6, tcp6, local) or a class of them as clnt_create knows it (netpath,
 * visible ...). The calls, and what they print:
 *
 *     null                         null
 *     greet NAME                   Hello, NAME
 *     add LEFT RIGHT               the sum, or "overflow"
 *     echo BYTES                   "BYTES bytes came back", after comparing them
 *     area point                   the area
 *     area circle RADIUS
 *     area rectangle WIDTH HEIGHT
 *     guests                       "NAME GREETINGS", a line each
 *     wait MILLISECONDS            the number
 *
 * Exit status 1, and libtirpc's own message on stderr, where a call fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hello.h"

static CLIENT *client;

static void
check(const void *result, const char *call)
{
	if (result == NULL) {
		clnt_perror(client, call);
		exit(1);
	}
}

/* Bytes that a shifted, repeated or lost fragment would not leave as they are. */
static void
echo(u_int length)
{
	hello_blob sent, *got;
	u_int i;

	sent.hello_blob_len = length;
	sent.hello_blob_val = malloc(length + 1);
	for (i = 0; i < length; i++)
		sent.hello_blob_val[i] = (char)(i * 2654435761u >> 24);
	got = hello_echo_1(sent, client);
	check(got, "echo");
	if (got->hello_blob_len != length || memcmp(got->hello_blob_val, sent.hello_blob_val, length) != 0) {
		fprintf(stderr, "echo: %u other bytes came back\n", got->hello_blob_len);
		exit(1);
	}
	printf("%u bytes came back\n", length);
}

static void
area(int argc, char **argv)
{
	shape shape;
	double *got;

	memset(&shape, 0, sizeof(shape));
	if (argc == 2 && strcmp(argv[0], "circle") == 0) {
		shape.kind = CIRCLE;
		shape.shape_u.radius = atof(argv[1]);
	} else if (argc == 3) {
		shape.kind = RECTANGLE;
		shape.shape_u.sides.width = atof(argv[1]);
		shape.shape_u.sides.height = atof(argv[2]);
	} else {
		shape.kind = POINT;
	}
	got = hello_area_1(shape, client);
	check(got, "area");
	printf("%g\n", *got);
}

static void
call(const char *name, int argc, char **argv)
{
	if (strcmp(name, "null") == 0) {
		struct timeval timeout = { 10, 0 };
		enum clnt_stat status = clnt_call(client, NULLPROC, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_void, NULL, timeout);
		check(status == RPC_SUCCESS ? client : NULL, "null");
		printf("null\n");
	} else if (strcmp(name, "greet") == 0 && argc == 1) {
		char **got = hello_greet_1(argv[0], client);
		check(got, "greet");
		printf("%s\n", *got);
	} else if (strcmp(name, "add") == 0 && argc == 2) {
		pair numbers = { atoi(argv[0]), atoi(argv[1]) };
		sum_result *got = hello_add_1(numbers, client);
		check(got, "add");
		if (got->status == HELLO_OK)
			printf("%d\n", got->sum_result_u.sum);
		else
			printf("overflow\n");
	} else if (strcmp(name, "echo") == 0 && argc == 1) {
		echo((u_int)atoi(argv[0]));
	} else if (strcmp(name, "area") == 0) {
		area(argc, argv);
	} else if (strcmp(name, "guests") == 0) {
		guest_list *got = hello_guests_1(client);
		check(got, "guests");
		for (guest *at = *got; at != NULL; at = at->next)
			printf("%s %u\n", at->name, at->greetings);
	} else if (strcmp(name, "wait") == 0 && argc == 1) {
		u_int *got = hello_wait_1((u_int)atoi(argv[0]), client);
		check(got, "wait");
		printf("%u\n", *got);
	} else {
		fprintf(stderr, "hello_client: no such call: %s\n", name);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct netconfig *config;

	if (argc < 4) {
		fprintf(stderr, "usage: hello_client NETID HOST CALL [ARGUMENT...]\n");
		return (2);
	}
	/* clnt_create takes classes of transports, and knows no class that local is in. */
	config = getnetconfigent(argv[1]);
	client = config != NULL
	    ? clnt_tp_create(argv[2], HELLO_PROGRAM, HELLO_V1, config)
	    : clnt_create(argv[2], HELLO_PROGRAM, HELLO_V1, argv[1]);
	if (client == NULL) {
		clnt_pcreateerror("hello_client");
		return (1);
	}
	call(argv[3], argc - 4, argv + 4);
	clnt_destroy(client);
	return (0);
}
