/*
 * probe_client.c: calls the probe program of probe.x through libtirpc, and prints a line for what becomes of each call.
 *
 *     probe_client [-t MILLISECONDS] [-r MILLISECONDS] create|vers|tp NETID HOST CALL...
 *     probe_client [-t MILLISECONDS] [-r MILLISECONDS] at NETID ADDRESS:PORT CALL...
 *     probe_client broadcast
 *
 * -t is the time that each call has, -r how soon a datagram is sent again.
 *
 * The first word says how the client is made: by clnt_create, clnt_create_vers (any version from 1 to 9), clnt_tp_create; or, of an
 * IPv4 address and without rpcbind, by clnttcp_create or clntudp_create. The calls are
 *
 *     null            version         which version the client has
 *     echo:BYTES      add:NUMBER      wait:MILLISECONDS
 *     batch:TIMES     a call without a reply and without a wait, so often
 *     sys             the calls behind it are made in this user's name
 *
 * It is compiled twice: for what rpcgen makes, and, with MT, for what rpcgen -M makes.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

static CLIENT *client;

#ifdef MT
/* Results by reference; the status is what the stub returns. */
#define CALL(stub, argument, result) stub(argument, &(result), client)
#else
/* Results in the stub's own memory; NULL is an error, which the client remembers. */
#define CALL(stub, argument, result) \
	__extension__({ \
		__typeof__(result) *made = stub(argument, client); \
		struct rpc_err error = { .re_status = RPC_SUCCESS }; \
		if (made != NULL) \
			(result) = *made; \
		else \
			clnt_geterr(client, &error); \
		error.re_status; \
	})
#endif

/* Prints the error, if it is one. */
static int
failed(enum clnt_stat status)
{
	if (status == RPC_SUCCESS)
		return (0);
	printf("%s\n", clnt_sperrno(status));
	return (1);
}

/* Bytes that a shifted, repeated or lost fragment would not leave as they are. */
static void
echo(u_int length)
{
	probe_blob sent, got;
	u_int i;

	memset(&got, 0, sizeof(got));
	sent.probe_blob_len = length;
	sent.probe_blob_val = malloc(length + 1);
	for (i = 0; i < length; i++)
		sent.probe_blob_val[i] = (char)(i * 2654435761u >> 24);
	if (!failed(CALL(probe_echo_2, sent, got))) {
		if (got.probe_blob_len == length && memcmp(got.probe_blob_val, sent.probe_blob_val, length) == 0)
			printf("%u bytes came back\n", length);
		else
			printf("%u other bytes came back\n", got.probe_blob_len);
	}
	free(sent.probe_blob_val);
}

static void
call(char *name)
{
	static struct timeval at_once = { 0, 0 }, long_enough = { 25, 0 };
	char *argument = strchr(name, ':');
	u_int number = 0, result = 0;

	if (argument != NULL) {
		*argument++ = '\0';
		number = (u_int)strtoul(argument, NULL, 10);
	}
	if (strcmp(name, "null") == 0) {
		if (!failed(clnt_call(client, NULLPROC, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_void, NULL, long_enough)))
			printf("null\n");
	} else if (strcmp(name, "version") == 0) {
		clnt_control(client, CLGET_VERS, &result);
		printf("%u\n", result);
	} else if (strcmp(name, "echo") == 0) {
		echo(number);
	} else if (strcmp(name, "add") == 0) {
		if (!failed(CALL(probe_add_2, number, result)))
			printf("%u\n", result);
	} else if (strcmp(name, "wait") == 0) {
		if (!failed(CALL(probe_wait_2, number, result)))
			printf("%u\n", result);
	} else if (strcmp(name, "sys") == 0) {
		auth_destroy(client->cl_auth);
		client->cl_auth = authunix_create_default();
	} else if (strcmp(name, "batch") == 0) {
		u_int one = 1;
		while (number-- > 0)
			if (failed(clnt_call(client, PROBE_NOTE, (xdrproc_t)xdr_u_int, &one, NULL, NULL, at_once)))
				return;
		printf("batched\n");
	} else {
		fprintf(stderr, "probe_client: %s is no call\n", name);
		exit(2);
	}
	fflush(stdout);
}

/* A client of an address and a port that are known. */
static CLIENT *
create_at(const char *netid, char *place)
{
	struct sockaddr_in address;
	struct timeval again = { 15, 0 };
	char *port = strrchr(place, ':');
	int fd = RPC_ANYSOCK;

	memset(&address, 0, sizeof(address));
	*port++ = '\0';
	address.sin_family = AF_INET;
	address.sin_port = htons((in_port_t)atoi(port));
	inet_pton(AF_INET, place, &address.sin_addr);
	return (strcmp(netid, "udp") == 0
	    ? clntudp_create(&address, PROBE_PROGRAM, PROBE_V2, again, &fd)
	    : clnttcp_create(&address, PROBE_PROGRAM, PROBE_V2, &fd, 0, 0));
}

static CLIENT *
create(const char *how, const char *netid, char *place)
{
	rpcvers_t version;

	if (strcmp(how, "at") == 0)
		return (create_at(netid, place));
	if (strcmp(how, "create") == 0)
		return (clnt_create(place, PROBE_PROGRAM, PROBE_V2, netid));
	if (strcmp(how, "vers") == 0)
		return (clnt_create_vers(place, PROBE_PROGRAM, &version, 1, 9, netid));
	return (clnt_tp_create(place, PROBE_PROGRAM, PROBE_V2, getnetconfigent(netid)));
}

/* The first answer is enough. */
static bool_t
each_result(char *result, struct sockaddr_in *from)
{
	(void)from;
	printf("%u\n", *(u_int *)(void *)result);
	return (TRUE);
}

static struct timeval
milliseconds(const char *number)
{
	struct timeval time = { atol(number) / 1000, atol(number) % 1000 * 1000 };

	return (time);
}

/* What is called is answered alike however often: libtirpc asks again after a second, which a busy machine may need. */
static int
broadcast(void)
{
	u_int number = 1, result = 0;

	return (failed(clnt_broadcast(PROBE_PROGRAM, PROBE_V2, PROBE_WAIT, (xdrproc_t)xdr_u_int, (char *)&number,
	    (xdrproc_t)xdr_u_int, (char *)&result, (resultproc_t)each_result)));
}

int
main(int argc, char **argv)
{
	struct timeval timeout = { 0, 0 }, again = { 0, 0 };
	int option, i;

	while ((option = getopt(argc, argv, "t:r:")) != -1) {
		switch (option) {
		case 't':
			timeout = milliseconds(optarg);
			break;
		case 'r':
			again = milliseconds(optarg);
			break;
		default:
			return (2);
		}
	}
	argv += optind;
	argc -= optind;
	if (argc == 1 && strcmp(argv[0], "broadcast") == 0)
		return (broadcast());
	if (argc < 4) {
		fprintf(stderr, "usage: probe_client [-t MILLISECONDS] [-r MILLISECONDS] create|vers|tp|at NETID PLACE CALL...\n");
		return (2);
	}
	client = create(argv[0], argv[1], argv[2]);
	if (client == NULL) {
		printf("%s\n", clnt_sperrno(rpc_createerr.cf_stat));
		return (1);
	}
	if (timeout.tv_sec != 0 || timeout.tv_usec != 0)
		clnt_control(client, CLSET_TIMEOUT, &timeout);
	if (again.tv_sec != 0 || again.tv_usec != 0)
		clnt_control(client, CLSET_RETRY_TIMEOUT, &again);
	for (i = 3; i < argc; i++)
		call(argv[i]);
	clnt_destroy(client);
	return (0);
}
