"""What every strategy promises, as tests that anybody can run on their own.

``python -m vitpos.contract --embedding=my_strategy --plugin my_package`` examines the
strategies that are named, ``a+b`` together; without a name, all that there are. It needs vitpos and
pytest. What a paper's strategy does not hold is said in its file, `# exception: TEST - WHY`, and is
then expected to fail.
"""
